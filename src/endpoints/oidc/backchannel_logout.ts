/**
 * The provider ends sessions by itself
 * ({@link https://openid.net/specs/openid-connect-backchannel-1_0.html | OpenID Connect Back-Channel Logout 1.0}):
 * one mark on a group of sessions, whichever they are, that every instance learns of.
 *
 * @module
 */
import { fail } from "../../http/endpoint.ts";
import type { LogoutNotice } from "../../identity/oidc/port.ts";
import type { NameGroup } from "../../tokens/groups.ts";
import { oidcContext } from "./parts.ts";
import type { GatewayContext, OidcEndpointParts, OidcEntry } from "./parts.ts";
import { formOf } from "./start.ts";

/** `POST /oidc/{provider}/backchannel-logout` */
export async function backChannelLogout(
  c: GatewayContext,
  { access: { sessions } }: OidcEndpointParts,
  { provider: { oidc, issuer }, options }: OidcEntry,
): Promise<Response> {
  if (!options.backChannelLogout) return fail(c, { code: "not_found" });
  const around = c.get("around");
  const token = (await formOf(c))?.get("logout_token") ?? null;
  if (token === null) return refused("there is no logout_token");
  const outcome = await oidc.readLogoutToken(token, oidcContext(c));
  if (outcome.kind === "unavailable") {
    around.emit({ event: "identity_unavailable", reason: `${oidc.name}: ${outcome.reason}` });
    return fail(c, { code: "identity_unavailable" });
  }
  if (outcome.kind !== "notice") {
    around.emit({ event: "provider_logout_refused", provider: oidc.name, reason: outcome.reason });
    return refused(outcome.reason);
  }
  const jti = await nameOfToken(issuer, outcome);
  const asked = { sid: null, subject: "", jti, groups: [], sessionCreatedAtMs: Date.now() };
  if (await sessions.status(asked) === "revoked") {
    const reason = "logout token: it was used before (jti)";
    around.emit({ event: "provider_logout_refused", provider: oidc.name, reason });
    return refused(reason);
  }
  await sessions.end({ group: await groupOf(issuer, outcome, sessions.nameGroup) });
  // Last, so that the provider can ask again when the store was away in the middle.
  await sessions.endToken({ jti, exp: outcome.expiresAtSeconds });
  const scope = outcome.session === null ? "subject" : "session";
  around.emit({ event: "provider_logout", provider: oidc.name, scope });
  // 200 also where nobody was signed in (section 2.8).
  return new Response(null, { headers: { "cache-control": "no-store" } });
}

/** With a `sid` it is that one session at the provider, otherwise all of the person's (section 2.7). */
async function groupOf(
  issuer: string,
  { session, subject }: LogoutNotice,
  nameGroup: NameGroup,
): Promise<string> {
  return session === null
    ? await nameGroup("provider_subject", issuer, subject ?? "")
    : await nameGroup("provider_session", issuer, session);
}

/** What the blacklist knows a used token by: no other token of ours or theirs can have that `jti`. */
async function nameOfToken(issuer: string, { jti }: LogoutNotice): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify([issuer, jti]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return `logout|${digest.slice(0, 16).toHex()}`;
}

/** Section 2.8, in the words of RFC 6749 section 5.2. */
function refused(reason: string): Response {
  return Response.json({ error: "invalid_request", error_description: reason }, {
    status: 400,
    headers: { "cache-control": "no-store" },
  });
}
