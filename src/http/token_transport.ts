/**
 * The token transport: token pairs in JSON for API clients, mobile apps and
 * existing SimpleJWT front ends. Answers are worded as
 * `djangorestframework-simplejwt` words them.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import type { RevocationView } from "../sessions/revocation_view.ts";
import type { RefreshOutcome, Sessions } from "../sessions/sessions.ts";
import type { SignIn } from "../sessions/sign_in.ts";
import type { TokenFailure, VerifiedToken } from "../tokens/claims.ts";
import type { TokenVerifier } from "../tokens/verify.ts";
import { readFields } from "./body.ts";
import type { Fields } from "./body.ts";
import type { GatewayEnv } from "./context.ts";
import { refreshProblem, tooManyAttempts } from "./outcomes.ts";

/** What the token transport is put together from. */
export interface TokenTransportParts {
  /** Where the endpoints are: `paths.token`. */
  readonly prefix: string;
  readonly signIn: SignIn;
  readonly sessions: Sessions;
  readonly verifier: TokenVerifier;
  readonly view: RevocationView;
}

type GatewayContext = Context<GatewayEnv>;
type Status = 200 | 400 | 401 | 405 | 413 | 415 | 429 | 503;

const NO_ACCOUNT = "No active account found with the given credentials";
const BLACKLISTED = "Token is blacklisted";

/** The endpoints under `paths.token`, each with and without a trailing slash. */
export function tokenTransport(parts: TokenTransportParts): Hono<GatewayEnv> {
  const { prefix, signIn, sessions, verifier, view } = parts;
  const app = new Hono<GatewayEnv>();

  function post(path: string, handler: (c: GatewayContext, fields: Fields) => Promise<Response>) {
    for (const spelling of [prefix + path, `${prefix}${path}/`]) {
      app.post(spelling, async (c) => {
        const body = await readFields(c.req.raw);
        if (body.kind === "fields") return await handler(c, body.fields);
        switch (body.problem.code) {
          case "payload_too_large":
            return answer(c, 413, { detail: "Request body is too large." });
          case "unsupported_media_type": {
            const type = c.req.header("content-type") ?? "";
            return answer(c, 415, { detail: `Unsupported media type "${type}" in request.` });
          }
          default:
            return answer(c, 400, { detail: body.problem.detail ?? "Malformed request." });
        }
      });
      app.all(spelling, (c) => {
        const response = answer(c, 405, { detail: `Method "${c.req.method}" not allowed.` });
        response.headers.set("allow", "POST, OPTIONS");
        return response;
      });
    }
  }

  post("", async (c, fields) => {
    const missing = requireText(fields, ["username", "password"]);
    if (missing !== null) return answer(c, 400, missing);
    const around = c.get("around");
    const outcome = await signIn(
      { username: String(fields["username"]), password: String(fields["password"]) },
      { userAgent: c.req.header("user-agent") ?? "", ip: around.client.address },
      { requestId: around.trace.requestId, signal: c.req.raw.signal },
    );
    switch (outcome.kind) {
      case "signed_in": {
        const { session, pair } = outcome.signedIn;
        around.emit({ event: "sign_in", subject: session.subject, sid: session.sid });
        return answer(c, 200, { refresh: pair.refresh, access: pair.access });
      }
      case "rejected":
        around.emit({ event: "sign_in_failed", reason: "invalid_credentials" });
        return answer(c, 401, { detail: NO_ACCOUNT });
      case "throttled": {
        around.emit({
          event: "sign_in_throttled",
          retryAfterSeconds: outcome.retryAfterSeconds,
        });
        const { detail, retryAfterSeconds } = tooManyAttempts(outcome.retryAfterSeconds);
        const response = answer(c, 429, { detail, code: "too_many_attempts" });
        response.headers.set("retry-after", String(Math.ceil(retryAfterSeconds ?? 1)));
        return response;
      }
      case "unavailable": {
        around.emit({ event: "identity_unavailable", reason: outcome.reason });
        const response = answer(c, 503, {
          detail: "Sign-in is not possible at the moment.",
          code: "identity_unavailable",
        });
        response.headers.set("retry-after", "1");
        return response;
      }
    }
  });

  post("/refresh", async (c, fields) => {
    const missing = requireText(fields, ["refresh"]);
    if (missing !== null) return answer(c, 400, missing);
    const around = c.get("around");
    const outcome = await sessions.refresh(String(fields["refresh"]));
    if (outcome.kind === "refreshed") {
      const { session, pair } = outcome.signedIn;
      around.emit({
        event: "refresh",
        subject: session.subject,
        sid: session.sid,
        replayed: outcome.replayed,
      });
      return answer(c, 200, { access: pair.access, refresh: pair.refresh });
    }
    refreshProblem(outcome, around);
    return notValid(c, refreshDetail(outcome));
  });

  post("/verify", async (c, fields) => {
    const missing = requireText(fields, ["token"]);
    if (missing !== null) return answer(c, 400, missing);
    const token = await anyToken(String(fields["token"]));
    if (typeof token === "string") return notValid(c, failureDetail(token));
    if (await isSpent(token, c)) {
      return answer(c, 400, { non_field_errors: [BLACKLISTED] });
    }
    return answer(c, 200, {});
  });

  post("/blacklist", async (c, fields) => {
    const missing = requireText(fields, ["refresh"]);
    if (missing !== null) return answer(c, 400, missing);
    const token = await verifier.verify(String(fields["refresh"]), "refresh");
    if (typeof token === "string") return notValid(c, failureDetail(token));
    if (await isSpent(token, c)) return notValid(c, BLACKLISTED);
    // A blacklisted refresh token is a sign-out: the whole session ends with it.
    await sessions.end(token);
    const { subject, sid } = token;
    c.get("around").emit({ event: "session_revoked", subject, sid });
    return answer(c, 200, {});
  });

  async function anyToken(token: string): Promise<VerifiedToken | TokenFailure> {
    const access = await verifier.verify(token, "access");
    return access === "wrong_type" ? await verifier.verify(token, "refresh") : access;
  }

  /** Whether a token, good by itself, has been revoked, or spent by rotation. */
  async function isSpent(token: VerifiedToken, c: GatewayContext): Promise<boolean> {
    if (token.type === "access") {
      const fresh = await view.ensureFresh(c.get("around").waitUntil);
      if (!fresh) return await sessions.status(token) !== "live";
      return view.isRevoked(token);
    }
    const session = await sessions.read(token.sid);
    return session === null || session.current.refreshJti !== token.jti;
  }

  return app;
}

function answer(c: GatewayContext, status: Status, body: object): Response {
  const response = c.json(body, status);
  response.headers.set("cache-control", "no-store");
  if (status === 401) {
    response.headers.set("www-authenticate", 'Bearer realm="api"');
  }
  return response;
}

function notValid(c: GatewayContext, detail: string): Response {
  return answer(c, 401, { detail, code: "token_not_valid" });
}

/** DRF's field errors, or `null` when every field holds text. */
function requireText(
  fields: Fields,
  names: readonly string[],
): Record<string, readonly string[]> | null {
  const errors: Record<string, readonly string[]> = {};
  for (const name of names) {
    const value = fields[name];
    if (value === undefined) errors[name] = ["This field is required."];
    else if (value === null) errors[name] = ["This field may not be null."];
    else if (typeof value !== "string" && typeof value !== "number") {
      errors[name] = ["Not a valid string."];
    } else if (String(value).trim() === "") errors[name] = ["This field may not be blank."];
  }
  return Object.keys(errors).length === 0 ? null : errors;
}

function failureDetail(failure: TokenFailure): string {
  switch (failure) {
    case "expired":
      return "Token is expired";
    case "wrong_type":
      return "Token has wrong type";
    case "malformed":
    case "unknown_key":
    case "bad_signature":
    case "not_yet_valid":
    case "bad_claims":
      return "Token is invalid";
  }
}

function refreshDetail(outcome: Exclude<RefreshOutcome, { kind: "refreshed" }>): string {
  switch (outcome.kind) {
    case "invalid":
      return failureDetail(outcome.failure);
    case "expired":
      return "Token is expired";
    case "reused":
    case "revoked":
      return BLACKLISTED;
  }
}
