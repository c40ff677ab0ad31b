/**
 * What the endpoints of providers are put together from.
 *
 * @module
 */
import type { Context } from "hono";
import type { ToCookies } from "../../access/cookie_session.ts";
import type { ReadCredential } from "../../access/credential.ts";
import type { Identify } from "../../access/identify.ts";
import type { Clock } from "../../base/clock.ts";
import type { CookieJar } from "../../browser/cookies.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import type { OidcContext } from "../../identity/oidc/port.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { Flows } from "../../sign_in/pending.ts";
import { addressBlocks } from "../../sign_in/throttle.ts";
import type { SignInProvider } from "../../sign_in/provider.ts";
import type { GrantSeal } from "../../sign_in/recheck.ts";
import type { OidcEndpointOptions } from "./options.ts";
import type { SignOutMemory } from "./sign_out_memory.ts";

/** A provider with what is seen of it. */
export interface OidcEntry {
  readonly provider: SignInProvider;
  readonly options: OidcEndpointOptions;
}

/** The parts. */
export interface OidcEndpointParts {
  /** Prefix of Postern's own paths. */
  readonly prefix: string;
  readonly entries: ReadonlyMap<string, OidcEntry>;
  readonly flows: Flows;
  /** Seals a provider's refresh token; `null` where no provider is asked again. */
  readonly grants: GrantSeal | null;
  readonly memory: SignOutMemory;
  readonly clock: Clock;
  readonly access: {
    readonly jar: CookieJar;
    readonly readCredential: ReadCredential;
    readonly identify: Identify;
    readonly sessions: Sessions;
    readonly toCookies: ToCookies;
  };
}

/** A request on its way through Hono. */
export type GatewayContext = Context<GatewayEnv>;

/** On whose behalf a provider is asked. */
export function oidcContext(c: GatewayContext): OidcContext {
  const { trace, client, waitUntil } = c.get("around");
  const [askedFrom = client.address] = addressBlocks(client.address);
  return {
    requestId: trace.requestId,
    signal: c.req.raw.signal,
    waitUntil,
    askedFrom,
  };
}

/**
 * Where a provider sends people back to: one address for each (RFC 9700 section 4.4),
 * on the origin that they were on, whose cookies hold the flow.
 */
export function callbackOf(c: GatewayContext, prefix: string, provider: string): string {
  return `${c.env.inbound.origin}${prefix}/oidc/${provider}/callback`;
}

/** An answer that sends a browser on. */
export function sendTo(location: string, setCookies: readonly string[] = []): Response {
  const headers = new Headers({
    location,
    "cache-control": "no-store",
    // Neither a code nor a state in an address may travel on in a Referer.
    "referrer-policy": "no-referrer",
  });
  for (const cookie of setCookies) headers.append("set-cookie", cookie);
  // See Other: whatever was posted is not posted again (RFC 9110 section 15.4.4).
  return new Response(null, { status: 303, headers });
}
