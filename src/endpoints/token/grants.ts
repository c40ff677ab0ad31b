/**
 * `POST /auth/token`: who asks, whether they prove a key, and which grant it is about
 * (RFC 6749 §3.2, RFC 9449 §5).
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import type { JsonValue } from "../../base/json.ts";
import type { Dpop } from "../../binding/dpop.ts";
import { readFields } from "../../http/body.ts";
import type { Fields } from "../../http/body.ts";
import { allowOnly, fail } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import type { Surroundings } from "../../http/around.ts";
import type { Problem } from "../../http/problem.ts";
import { createTokenKeyCheck } from "./key_proof.ts";
import type { AuthenticateMachine, MachineOptions } from "./machine_clients.ts";

/** Why no token is given (RFC 6749 §5.2, RFC 8693 §2.2.2). */
export type OAuthError =
  | "invalid_request"
  | "invalid_scope"
  | "invalid_target"
  | "unauthorized_client"
  | "unsupported_grant_type";

/** What a grant is asked with. */
export interface GrantRequest {
  readonly client: MachineOptions;
  readonly fields: Fields;
  /** Thumbprint of the key that the client has proven; `null`: none. */
  readonly jkt: string | null;
  readonly around: Surroundings;
}

/** A token, or why there is none. */
export type GrantOutcome =
  | { readonly kind: "granted"; readonly answer: Readonly<Record<string, JsonValue>> }
  | { readonly kind: "refused"; readonly error: OAuthError; readonly description?: string }
  /** Nothing is wrong with the request. */
  | { readonly kind: "problem"; readonly problem: Problem };

/** One way to a token. */
export type Grant = (request: GrantRequest) => Promise<GrantOutcome>;

/** The endpoint `/token`. `grants` by `grant_type`. */
export function tokenEndpoint(parts: {
  readonly authenticate: AuthenticateMachine;
  readonly grants: ReadonlyMap<string, Grant>;
  /** `null`: switched off, and the header says nothing. */
  readonly dpop: Dpop | null;
}): Hono<GatewayEnv> {
  const { authenticate, grants } = parts;
  const checkKey = createTokenKeyCheck(parts.dpop);
  const app = new Hono<GatewayEnv>();

  app.post("/token", async (c) => {
    const body = await readFields(c.req.raw);
    if (body.kind === "problem") return fail(c, body.problem);
    const { fields } = body;
    const around = c.get("around");
    const authorization = c.req.header("authorization") ?? null;
    const client = await authenticate(authorization, fields, around.waitUntil);
    if (client === null) {
      around.emit({ event: "sign_in_failed", reason: "client credentials" });
      return oauthError(c, 401, "invalid_client");
    }
    const { grant_type: type } = fields;
    // RFC 6749 §3.2: whichever of the two we read, somebody else may read the other.
    if (body.repeated) {
      return oauthError(c, 400, "invalid_request", "A parameter is there more than once.");
    }
    if (typeof type !== "string" || type === "") {
      return oauthError(c, 400, "invalid_request", "grant_type is required.");
    }
    const grant = grants.get(type);
    if (grant === undefined) return oauthError(c, 400, "unsupported_grant_type");
    const proof = await checkKey(c);
    if (proof.nonce !== null) c.header("dpop-nonce", proof.nonce);
    if (proof.kind === "refused") return oauthError(c, 400, proof.code, proof.detail);
    const outcome = await grant({ client, fields, jkt: proof.jkt, around });
    switch (outcome.kind) {
      case "granted":
        c.header("cache-control", "no-store");
        return c.json(outcome.answer);
      case "refused":
        return oauthError(c, 400, outcome.error, outcome.description);
      case "problem":
        return fail(c, outcome.problem);
    }
  });
  allowOnly(app, "/token", ["POST"]);
  return app;
}

/** RFC 6749 §5.2. */
function oauthError(
  c: Context<GatewayEnv>,
  status: 400 | 401,
  error: string,
  description?: string,
): Response {
  c.header("cache-control", "no-store");
  if (status === 401) c.header("www-authenticate", 'Basic realm="postern"');
  return c.json({
    error,
    ...(description === undefined ? {} : { error_description: description }),
  }, status);
}
