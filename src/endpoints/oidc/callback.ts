/**
 * The way back from a provider. Every case ends signed in where the person wanted
 * to go, or at one friendly beginning anew; none is a dead end, and none a loop.
 *
 * @module
 */
import { failure } from "../../access/failure.ts";
import type { Caller } from "../../access/identify.ts";
import { noteSignIn } from "../../access/sign_in_event.ts";
import { ClaimsTooLargeError, StoreUnavailableError } from "../../base/errors.ts";
import { fail } from "../../http/endpoint.ts";
import type { CodeOutcome, OidcProof } from "../../identity/oidc/port.ts";
import { admitProof } from "../../sign_in/provider.ts";
import type { Flow, FlowWish } from "../../sign_in/pending.ts";
import { isOurs } from "../../tokens/claims.ts";
import { beginFlow, toSignInPage } from "./begin.ts";
import { callbackOf, oidcContext, sendTo } from "./parts.ts";
import type { GatewayContext, OidcEndpointParts, OidcEntry } from "./parts.ts";
import { reasonOfError, reasonOfRefusal } from "./reasons.ts";
import type { OidcReason } from "./reasons.ts";
import { formOf, mayBegin } from "./start.ts";

/** A sign-in begins anew by itself so often. */
const MAX_RESTARTS = 1;
/** Parameters of an authorization response (RFC 6749 section 4.1.2, RFC 9207). */
const RESPONSE_PARAMETERS = ["code", "state", "iss", "error"] as const;

/** An expired access cookie is no reason to send somebody to the provider again. */
const OWN_RULE = { transparent: true, strict: false, cors: null };

/** One callback on its way. */
interface Callback {
  readonly c: GatewayContext;
  readonly parts: OidcEndpointParts;
  readonly entry: OidcEntry;
  /** End the flow's cookie; they ride on every answer. */
  readonly setCookies: readonly string[];
  /** When the provider began to be asked, epoch milliseconds. */
  readonly sinceMs: number;
}

/**
 * `POST /oidc/{provider}/callback` (`response_mode=form_post`). A form that another
 * site posts carries no `Lax` cookie, so the browser is sent to the same address as
 * a navigation, which carries them; never `SameSite=None`.
 */
export async function formCallback(
  c: GatewayContext,
  parts: OidcEndpointParts,
  { options }: OidcEntry,
): Promise<Response> {
  const form = await formOf(c);
  if (form === null) return fail(c, { code: "invalid_request" });
  const query = new URLSearchParams();
  for (const name of RESPONSE_PARAMETERS) {
    const value = form.get(name);
    if (value !== null) query.set(name, value);
  }
  return sendTo(`${callbackOf(c, parts.prefix, options.name)}?${query}`);
}

/** `GET /oidc/{provider}/callback` */
export async function callback(
  c: GatewayContext,
  parts: OidcEndpointParts,
  entry: OidcEntry,
): Promise<Response> {
  const { name } = entry.options;
  const sinceMs = parts.clock();
  const query = new URL(c.req.url).searchParams;
  const state = query.get("state") ?? "";
  const recalled = await parts.flows.recall(state, name, c.req.header("cookie") ?? null);
  if (recalled.kind === "foreign") {
    const call = { c, parts, entry, setCookies: [], sinceMs };
    return say(call, "/", "start_again", "a state that is not ours");
  }
  const call = { c, parts, entry, setCookies: recalled.setCookies, sinceMs };
  if (recalled.kind === "stale") return await beginAgain(call, recalled.wish);
  const { flow } = recalled;
  const { nonce, codeVerifier, maxAgeSeconds, acrValues } = flow;
  const outcome = await entry.provider.oidc.exchange({
    callback: query,
    redirectUri: callbackOf(c, parts.prefix, name),
    state,
    nonce,
    codeVerifier,
    maxAgeSeconds,
    acrValues,
  }, oidcContext(c));
  return outcome.kind === "proven"
    ? await signIn(call, flow, outcome)
    : await unproven(call, flow, outcome);
}

async function unproven(
  call: Callback,
  flow: Flow,
  outcome: Exclude<CodeOutcome, OidcProof>,
): Promise<Response> {
  const { c, entry: { options: { name } } } = call;
  switch (outcome.kind) {
    case "denied":
      return say(call, flow.returnTo, reasonOfError(outcome.error), outcome.error);
    case "untrusted":
      return say(call, flow.returnTo, "sign_in_failed", outcome.reason);
    case "refused":
      // The code was used up or too old: the back button, or a page that was reloaded.
      if (outcome.error === "invalid_grant") return await beginAgain(call, flow);
      break;
    case "unavailable":
      break;
  }
  c.get("around").emit({ event: "identity_unavailable", reason: `${name}: ${outcome.reason}` });
  return toSignInPage(call.parts, {
    returnTo: flow.returnTo,
    reason: "provider_unavailable",
    provider: name,
    setCookies: call.setCookies,
  });
}

/** Opens the session. */
async function signIn(call: Callback, flow: Flow, proof: OidcProof): Promise<Response> {
  const { c, parts, entry, setCookies } = call;
  const { sessions, toCookies } = parts.access;
  const around = c.get("around");
  const outcome = await admitProof(entry.provider, proof, sessions.nameGroup);
  if (outcome.kind === "refused") {
    return say(call, flow.returnTo, reasonOfRefusal(outcome.code), outcome.code);
  }
  const { admitted } = outcome;
  const { subject } = admitted;
  try {
    const before = await callerOf(call);
    const isStepUp = flow.maxAgeSeconds !== null || flow.acrValues.length > 0;
    if (before?.token.subject === subject && !isStepUp && isIn(before, admitted.groups)) {
      // Another tab was faster.
      return sendTo(flow.returnTo, [...setCookies, ...before.setCookies]);
    }
    const device = { userAgent: c.req.header("user-agent") ?? "", ip: around.client.address };
    const sinceMs = Math.max(call.sinceMs, flow.afterMs + 1);
    const opened = await sessions.open(
      { ...admitted, sealed: await sealedGrant(call, subject, proof), sinceMs },
      { device },
    );
    // Signed out at the provider, or here, while it was being asked: what it said is from before.
    if (opened.kind === "superseded") {
      return await beginAgain(call, { ...flow, afterMs: opened.notAfterMs });
    }
    const { signedIn } = opened;
    const { sid } = signedIn.session;
    const cookies = await toCookies(signedIn, c.env.inbound).catch(async (error) => {
      await sessions.discard(signedIn.session);
      throw error;
    });
    noteSignIn(around, signedIn, {
      provider: entry.options.name,
      amr: proof.claims["amr"],
    });
    // A new session always (no fixation), and the one that was here before is over.
    if (before !== null && isOurs(before.token)) {
      await sessions.endOf(before.token);
      around.emit({
        event: "session_revoked",
        subject: before.token.subject,
        sid: before.token.sid,
      });
    }
    const memory = await parts.memory.remember({
      provider: entry.options.name,
      sid,
      idToken: proof.idToken,
      untilSeconds: signedIn.pair.refreshExpiresAtSeconds,
    });
    return sendTo(flow.returnTo, [...setCookies, ...cookies.setCookies, memory]);
  } catch (error) {
    if (!(error instanceof StoreUnavailableError || error instanceof ClaimsTooLargeError)) {
      throw error;
    }
    // The audit event; a person gets the page instead of the problem document.
    failure(error, around);
    return toSignInPage(parts, {
      returnTo: flow.returnTo,
      reason: error instanceof StoreUnavailableError ? "store_unavailable" : "claims_too_large",
      provider: entry.options.name,
      setCookies,
    });
  }
}

/** Whether a session stands and falls with the same session at the same provider. */
function isIn({ token }: Caller, groups: readonly string[]): boolean {
  return groups.every((group) => token.groups.includes(group));
}

/** The provider's refresh token for the record, sealed; `null` where nobody will ask with it. */
async function sealedGrant(
  { parts, entry: { provider, options } }: Callback,
  subject: string,
  { claims, refreshToken }: OidcProof,
): Promise<string | null> {
  if (parts.grants === null || !provider.rechecks || refreshToken === null) return null;
  const grant = { provider: options.name, sub: String(claims.sub), subject, refreshToken };
  return await parts.grants.seal(grant);
}

/** Who is signed in already in this browser, if anybody. */
async function callerOf({ c, parts: { access } }: Callback): Promise<Caller | null> {
  const { inbound } = c.env;
  const named = await access.identify(
    inbound,
    access.readCredential(inbound.headers),
    OWN_RULE,
  );
  return "problem" in named ? null : named;
}

/** Somebody who is signed in goes on; anybody else begins once more, and then by hand. */
async function beginAgain(call: Callback, wish: FlowWish): Promise<Response> {
  const { c, parts, entry, setCookies } = call;
  const isStepUp = wish.maxAgeSeconds !== null || wish.acrValues.length > 0;
  const caller = isStepUp ? null : await callerOf(call);
  if (caller !== null) return sendTo(wish.returnTo, [...setCookies, ...caller.setCookies]);
  if (wish.restarts >= MAX_RESTARTS || !mayBegin(c)) {
    // The sign-in page would send somebody who is signed in on to what asks for more.
    const reason = isStepUp ? "sign_in_failed" : "start_again";
    return say(call, wish.returnTo, reason, "no such flow");
  }
  return await beginFlow(c, parts, entry, {
    wish: { ...wish, restarts: wish.restarts + 1 },
    parameters: {},
    setCookies,
  });
}

/** The sign-in page with words, and a line in the log. */
function say(call: Callback, returnTo: string, reason: OidcReason, detail: string): Response {
  const { c, parts, entry: { options: { name } }, setCookies } = call;
  c.get("around").emit({ event: "sign_in_failed", reason: `${name}: ${detail}`, provider: name });
  return toSignInPage(parts, { returnTo, reason, provider: name, setCookies });
}
