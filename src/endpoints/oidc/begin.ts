/**
 * The way out: a flow begins, and the browser goes to the provider.
 *
 * @module
 */
import type { FlowWish } from "../../sign_in/pending.ts";
import { callbackOf, oidcContext, sendTo } from "./parts.ts";
import type { GatewayContext, OidcEndpointParts, OidcEntry } from "./parts.ts";
import type { OidcReason } from "./reasons.ts";

/** The sign-in page, which says why in words. */
export function toSignInPage(
  { prefix }: Pick<OidcEndpointParts, "prefix">,
  { returnTo, reason, provider, setCookies = [] }: {
    readonly returnTo: string;
    readonly reason: OidcReason;
    readonly provider: string;
    readonly setCookies?: readonly string[];
  },
): Response {
  const query = new URLSearchParams({ return_to: returnTo, reason, provider });
  return sendTo(`${prefix}/login?${query}`, setCookies);
}

/** Begins a flow and sends the browser to the provider. */
export async function beginFlow(
  c: GatewayContext,
  parts: OidcEndpointParts,
  { provider: { oidc } }: OidcEntry,
  { wish, parameters, setCookies = [] }: {
    readonly wish: FlowWish;
    readonly parameters: Readonly<Record<string, string>>;
    readonly setCookies?: readonly string[];
  },
): Promise<Response> {
  const begun = await parts.flows.begin(wish, c.req.header("cookie") ?? null);
  const { nonce, codeVerifier, maxAgeSeconds, acrValues } = begun.flow;
  const outcome = await oidc.authorize({
    redirectUri: callbackOf(c, parts.prefix, oidc.name),
    state: begun.state,
    nonce,
    codeVerifier,
    maxAgeSeconds,
    acrValues,
    parameters,
  }, oidcContext(c));
  if (outcome.kind === "redirect") {
    return sendTo(outcome.url, [...setCookies, ...begun.setCookies]);
  }
  const reason = `${oidc.name}: ${outcome.reason}`;
  c.get("around").emit({ event: "identity_unavailable", reason });
  return toSignInPage(parts, {
    returnTo: wish.returnTo,
    reason: "provider_unavailable",
    provider: oidc.name,
    setCookies,
  });
}
