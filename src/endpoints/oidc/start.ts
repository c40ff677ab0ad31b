/**
 * The beginning of a sign-in at a provider, by a link of ours or by somebody
 * else's ({@link https://openid.net/specs/openid-connect-core-1_0.html#ThirdPartyInitiatedLogin | OpenID
 * Connect Core 1.0 section 4}).
 *
 * @module
 */
import { isNavigation } from "../../browser/navigation.ts";
import { safeReturnTo } from "../../browser/return_to.ts";
import { readFields } from "../../http/body.ts";
import { fail, refuse } from "../../http/endpoint.ts";
import { beginFlow } from "./begin.ts";
import { sendTo } from "./parts.ts";
import type { GatewayContext, OidcEndpointParts, OidcEntry } from "./parts.ts";

/** A hint that is longer is none. */
const MAX_HINT_LENGTH = 256;
/** Printable, nothing that could end a line. */
const HINT = /^[\x20-\x7E\u00A0-\uFFFF]+$/;
/** RFC 6749 section 3.3, as `acr_values` are spelled. */
const ACR_VALUES = /^[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+){0,9}$/;
const MAX_AGE = /^\d{1,8}$/;

/**
 * Whether a browser is going somewhere for a person: not a script's request, not
 * a frame (providers refuse those), not a page fetched in advance. Only these
 * begin flows, so that no background traffic heaps up cookies.
 */
export function mayBegin(c: GatewayContext): boolean {
  const { headers } = c.req.raw;
  const destination = headers.get("sec-fetch-dest");
  return isNavigation(c.req.method, headers) &&
    (destination === null || destination === "document") &&
    !(headers.get("sec-purpose") ?? headers.get("purpose") ?? "").includes("prefetch");
}

/** `GET /oidc/{provider}/start` */
export async function start(
  c: GatewayContext,
  parts: OidcEndpointParts,
  entry: OidcEntry,
): Promise<Response> {
  if (!mayBegin(c)) {
    return refuse(c, {
      code: "navigation_required",
      detail: "Open this address in a browser; a script can not sign somebody in with it.",
    });
  }
  const query = new URL(c.req.url).searchParams;
  const maxAge = query.get("max_age") ?? "";
  const acrValues = query.get("acr_values") ?? "";
  return await beginFlow(c, parts, entry, {
    wish: {
      provider: entry.options.name,
      returnTo: safeReturnTo(query.get("return_to"), parts.prefix),
      // Asking for more than a route does harms nobody, and for less does not help.
      maxAgeSeconds: MAX_AGE.test(maxAge) ? Number(maxAge) : null,
      acrValues: acrValues.length <= 200 && ACR_VALUES.test(acrValues) ? acrValues.split(" ") : [],
      restarts: 0,
      afterMs: 0,
    },
    parameters: allowedHints(query, entry.options.hints),
  });
}

/** Of what a link brings along, what the configuration allows; the rest is dropped. */
export function allowedHints(
  query: URLSearchParams,
  hints: OidcEntry["options"]["hints"],
): Record<string, string> {
  const allowed: Record<string, string> = {};
  for (const [name, values] of Object.entries(hints)) {
    const [value, ...more] = query.getAll(name);
    if (value === undefined || more.length > 0 || value.length > MAX_HINT_LENGTH) continue;
    if (HINT.test(value) && (values === "any" || values.includes(value))) allowed[name] = value;
  }
  return allowed;
}

/**
 * `GET` or `POST /oidc/login`: the provider's own pages send somebody here to be
 * signed in. Nothing of it is trusted but the choice among our providers.
 */
export async function thirdPartyLogin(
  c: GatewayContext,
  parts: OidcEndpointParts,
): Promise<Response> {
  const query = c.req.method === "POST" ? await formOf(c) : new URL(c.req.url).searchParams;
  if (query === null) return fail(c, { code: "invalid_request" });
  const issuer = query.get("iss");
  const entry = Array.from(parts.entries.values()).find(({ provider }) =>
    provider.issuer === issuer
  );
  if (entry === undefined) {
    return refuse(c, {
      code: "invalid_request",
      detail: "`iss` names no provider that people sign in at here.",
    });
  }
  const target = URL.parse(query.get("target_link_uri") ?? "", c.env.inbound.origin);
  const isOurs = target !== null && target.origin === c.env.inbound.origin;
  const onward = new URLSearchParams({
    return_to: safeReturnTo(isOurs ? target.pathname + target.search : null, parts.prefix),
    ...allowedHints(query, entry.options.hints),
  });
  return sendTo(`${parts.prefix}/oidc/${entry.options.name}/start?${onward}`);
}

/** The fields of a form as parameters, or `null`. */
export async function formOf(c: GatewayContext): Promise<URLSearchParams | null> {
  const body = await readFields(c.req.raw);
  if (body.kind === "problem") return null;
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries(body.fields)) {
    if (typeof value === "string") fields.set(name, value);
  }
  return fields;
}
