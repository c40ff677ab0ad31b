/**
 * CORS for single-page apps on other origins, route by route (Fetch Standard,
 * §3.2). Hono's `cors` is not used: it wants a middleware chain that proxied
 * requests do without, leaves the upstream's own CORS headers standing, and by
 * default allows whatever headers a preflight asks for.
 *
 * @module
 */
import type { HeaderReader } from "../http/headers.ts";

/** What a route says about other origins. */
export interface CorsOptions {
  /** Exactly these; no pattern. */
  readonly origins: readonly string[];
  /** Whether cookies may ride along. */
  readonly credentials: boolean;
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly expose: readonly string[];
  /** How long a browser may keep the answer to a preflight. */
  readonly maxAgeSeconds: number;
}

/** The CORS rules of one route. */
export interface Cors {
  /** The answer to a preflight; the upstream is never asked. */
  preflight(headers: HeaderReader): Response;
  /** Replaces whatever an answer says about CORS. */
  apply(response: Response, headers: HeaderReader): Response;
  /**
   * Whether the request comes from an origin that may send cookies along. Such
   * an origin passes the origin rule of CSRF protection; it still has to show
   * the session's `X-CSRF-Token`.
   */
  trustsOrigin(headers: HeaderReader): boolean;
}

/** Whether a request is a preflight: it asks for another one, and has no credential. */
export function isPreflight(method: string, headers: HeaderReader): boolean {
  return method === "OPTIONS" && headers.get("origin") !== null &&
    headers.get("access-control-request-method") !== null;
}

/** Prepares the rules of a route. */
export function createCors(config: CorsOptions): Cors {
  const origins: ReadonlySet<string> = new Set(config.origins);
  const methods = config.methods.join(", ");
  const allowedHeaders = config.headers.join(", ");
  const exposed = config.expose.join(", ");
  const maxAge = String(Math.floor(config.maxAgeSeconds));

  /** Written only for an origin on the list, so nothing is ever merely reflected. */
  function allow(to: Headers, from: HeaderReader): boolean {
    addVary(to, "Origin");
    const origin = from.get("origin");
    if (origin === null || !origins.has(origin)) return false;
    to.set("access-control-allow-origin", origin);
    if (config.credentials) to.set("access-control-allow-credentials", "true");
    return true;
  }

  return {
    preflight(headers) {
      const answer = new Headers({ "x-content-type-options": "nosniff" });
      if (allow(answer, headers)) {
        answer.set("access-control-allow-methods", methods);
        if (allowedHeaders !== "") answer.set("access-control-allow-headers", allowedHeaders);
        answer.set("access-control-max-age", maxAge);
      }
      return new Response(null, { status: 204, headers: answer });
    },
    apply(response, headers) {
      for (const name of Array.from(response.headers.keys())) {
        if (name.startsWith("access-control-")) response.headers.delete(name);
      }
      if (allow(response.headers, headers) && exposed !== "") {
        response.headers.set("access-control-expose-headers", exposed);
      }
      return response;
    },
    trustsOrigin(headers) {
      const origin = headers.get("origin");
      return config.credentials && origin !== null && origins.has(origin);
    },
  };
}

function addVary(headers: Headers, field: string): void {
  const known = (headers.get("vary") ?? "").split(",").map((name) => name.trim().toLowerCase());
  if (!known.includes("*") && !known.includes(field.toLowerCase())) headers.append("vary", field);
}
