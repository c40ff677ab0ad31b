/**
 * Signing out that goes on at the provider, so that nobody is signed in again with
 * one click ({@link https://openid.net/specs/openid-connect-rpinitiated-1_0.html | RP-Initiated Logout 1.0}).
 *
 * @module
 */
import { oidcContext, sendTo } from "./parts.ts";
import type { GatewayContext, OidcEndpointParts } from "./parts.ts";
import type { Leave } from "../session/sign_in_form.ts";

/** Prepares where a browser goes on to whose session has just ended. */
export function createLeave(parts: OidcEndpointParts): Leave {
  const { memory, entries, prefix } = parts;

  return async function leave(c, sid) {
    const cookies = c.req.header("cookie") ?? null;
    const remembered = await memory.recall(cookies, sid);
    if (remembered === null && !memory.isThere(cookies)) return STAY;
    const here = { url: null, setCookies: [memory.forget()] };
    const entry = remembered === null ? undefined : entries.get(remembered.provider);
    if (remembered === null || entry?.options.rpInitiatedLogout !== true) return here;
    const url = await entry.provider.oidc.endSessionUrl({
      idToken: remembered.idToken,
      redirectUri: `${c.env.inbound.origin}${prefix}/oidc/signed-out`,
      state: await memory.leave(),
    }, oidcContext(c));
    return { ...here, url };
  };
}

const STAY = { url: null, setCookies: [] };

/** `GET /oidc/signed-out`: back from the provider. The page there does not go straight on. */
export async function signedOut(
  c: GatewayContext,
  { prefix, memory }: Pick<OidcEndpointParts, "prefix" | "memory">,
): Promise<Response> {
  const isOurs = await memory.hasLeft(c.req.query("state") ?? "");
  return sendTo(`${prefix}/login?reason=${isOurs ? "signed_out" : "start_again"}`);
}
