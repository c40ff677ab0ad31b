/**
 * Signing out that goes on at the provider, so that nobody is signed in again with
 * one click ({@link https://openid.net/specs/openid-connect-rpinitiated-1_0.html | RP-Initiated Logout 1.0}).
 *
 * @module
 */
import { oidcContext, sendTo } from "./parts.ts";
import type { GatewayContext, OidcEndpointParts } from "./parts.ts";

/**
 * Where the browser whose session has just ended goes on to; `null` where its
 * provider knows no sign-out, can not be asked, or is none of ours.
 */
export async function providerSignOut(
  c: GatewayContext,
  parts: OidcEndpointParts,
  sid: string,
): Promise<string | null> {
  const remembered = await parts.memory.recall(c.req.header("cookie") ?? null);
  if (remembered === null || remembered.sid !== sid) return null;
  const entry = parts.entries.get(remembered.provider);
  if (entry === undefined || !entry.options.rpInitiatedLogout) return null;
  return await entry.provider.oidc.endSessionUrl({
    idToken: remembered.idToken,
    redirectUri: `${parts.origin}${parts.prefix}/oidc/signed-out`,
    state: await parts.memory.leave(),
  }, oidcContext(c));
}

/** `GET /oidc/signed-out`: back from the provider. The page there does not go straight on. */
export async function signedOut(
  c: GatewayContext,
  { prefix, memory }: Pick<OidcEndpointParts, "prefix" | "memory">,
): Promise<Response> {
  const isOurs = await memory.hasLeft(c.req.query("state") ?? "");
  return sendTo(`${prefix}/login?reason=${isOurs ? "signed_out" : "start_again"}`);
}
