/**
 * CORS, with what a client on another origin needs to prove its key.
 *
 * @module
 */
import { createCors } from "../browser/cors.ts";
import type { Cors, CorsOptions } from "../browser/cors.ts";
import type { GatewayConfig } from "../config/config.ts";

/** RFC 9449 §4.1, §7.1 and §8: it sends the proof, and reads why it was refused, and the nonce. */
const PROOF = "DPoP";
const CHALLENGE = ["DPoP-Nonce", "WWW-Authenticate"];

/** Prepares the rules of a route, or of Postern's own paths. */
export function corsOf(options: CorsOptions, { dpop }: Pick<GatewayConfig, "dpop">): Cors {
  return createCors(
    dpop === null ? options : {
      ...options,
      headers: together(options.headers, [PROOF]),
      expose: together(options.expose, CHALLENGE),
    },
  );
}

function together(names: readonly string[], more: readonly string[]): readonly string[] {
  const known = new Set(names.map((name) => name.toLowerCase()));
  return [...names, ...more.filter((name) => !known.has(name.toLowerCase()))];
}
