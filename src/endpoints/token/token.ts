/**
 * The token transport: token pairs in JSON for API clients, mobile apps and
 * existing SimpleJWT front ends. Answers are worded as
 * `djangorestframework-simplejwt` words them.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import { refreshProblem, tooManyAttempts } from "../../access/renewal_problem.ts";
import { noteSignIn } from "../../access/sign_in_event.ts";
import {
  BLACKLISTED,
  drfResponse,
  failureDetail,
  timeBeforeType,
} from "../../access/simplejwt_words.ts";
import type { SimpleJwtVersion, Status } from "../../access/simplejwt_words.ts";
import type { Presenter } from "../../base/presenter.ts";
import type { Dpop } from "../../binding/dpop.ts";
import type { Surroundings } from "../../http/around.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import { presenterOf } from "../../http/presenter.ts";
import type { RevocationView } from "../../sessions/revocation_view.ts";
import type { RefreshOutcome, Sessions } from "../../sessions/sessions.ts";
import type { SignIn } from "../../sign_in/password.ts";
import type { TokenFailure, VerifiedToken } from "../../tokens/claims.ts";
import type { TokenVerifier } from "../../tokens/verify.ts";
import { readDrfBody, textFields } from "./drf_body.ts";
import { createTokenKeyCheck } from "./key_proof.ts";
import type { TokenKeyProof } from "./key_proof.ts";

/** What the token transport is put together from. */
export interface TokenTransportParts {
  /** Where the endpoints are: `paths.token`. */
  readonly prefix: string;
  /** Whose words are spoken. */
  readonly version: SimpleJwtVersion;
  readonly signIn: SignIn;
  readonly sessions: Sessions;
  readonly verifier: TokenVerifier;
  readonly view: RevocationView;
  /** Clients may bind their tokens to a key (RFC 9449); `null`: switched off. */
  readonly dpop: Dpop | null;
}

type GatewayContext = Context<GatewayEnv>;

/** Who asks for tokens, with the key that they have proven. */
interface Asked {
  readonly around: Surroundings;
  readonly presenter: Presenter;
}

const NO_ACCOUNT = "No active account found with the given credentials";

/** What DRF says of an endpoint when it is asked for its `OPTIONS`. */
const PARSES = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"];

/** The endpoints under `paths.token`, each with and without a trailing slash. */
export function tokenTransport(parts: TokenTransportParts): Hono<GatewayEnv> {
  const { prefix, version, signIn, sessions, verifier, view } = parts;
  const checkKey = createTokenKeyCheck(parts.dpop);
  const app = new Hono<GatewayEnv>();

  function post<Name extends string>(
    path: string,
    name: string,
    fieldNames: readonly Name[],
    handler: (c: GatewayContext, fields: Record<Name, string>) => Promise<Response>,
  ) {
    async function handle(c: GatewayContext): Promise<Response> {
      switch (c.req.method) {
        case "POST": {
          const body = await readDrfBody(c.req.raw);
          if (body.kind === "refused") return drfResponse(body.status, body.body);
          const fields = textFields(body.fields, fieldNames);
          return "errors" in fields
            ? drfResponse(400, fields.errors)
            : await handler(c, fields.values);
        }
        case "OPTIONS":
          return drfResponse(200, { name, renders: ["application/json"], parses: PARSES });
        default:
          return drfResponse(405, { detail: `Method "${c.req.method}" not allowed.` });
      }
    }
    for (const spelling of [prefix + path, `${prefix}${path}/`]) {
      app.all(spelling, async (c) => {
        const response = await handle(c);
        response.headers.set("allow", "POST, OPTIONS");
        return response;
      });
    }
  }

  post("", "Token Obtain Pair", ["username", "password"], withProof(obtain));

  post("/refresh", "Token Refresh", ["refresh"], withProof(refreshPair));

  post("/verify", "Token Verify", ["token"], withProof(verifyAny));

  post("/blacklist", "Token Blacklist", ["refresh"], async (c, { refresh }) => {
    const token = await verifier.verify(refresh, "refresh");
    if (typeof token === "string") return await refreshFailure(token, refresh);
    if (await isSpent(token, c.get("around"))) return notValid(BLACKLISTED);
    // A blacklisted refresh token is a sign-out: the whole session ends with it.
    await sessions.endOf(token);
    const { subject, sid } = token;
    c.get("around").emit({ event: "session_revoked", subject, sid });
    return drfResponse(200, {});
  });

  /** Answers whoever proves a key as one who does; a proof that is refused ends it (RFC 9449 §5). */
  function withProof<Values>(
    answer: (asked: Asked, values: Values) => Promise<Response>,
  ): (c: GatewayContext, values: Values) => Promise<Response> {
    return async function proven(c, values) {
      const { headers, signal } = c.req.raw;
      const around = c.get("around");
      const presenter = presenterOf(headers, signal, around);
      const proof = await checkKey(c);
      if (proof.kind === "refused") {
        const { code, detail } = proof;
        return withNonce(drfResponse(400, { detail, code, error: code }), proof);
      }
      const known = proof.jkt === null ? presenter : { ...presenter, provenJkt: proof.jkt };
      return withNonce(await answer({ around, presenter: known }, values), proof);
    };
  }

  async function obtain(
    { around, presenter }: Asked,
    credentials: { readonly username: string; readonly password: string },
  ): Promise<Response> {
    const outcome = await signIn(credentials, presenter, null);
    switch (outcome.kind) {
      case "signed_in": {
        const { pair } = outcome.signedIn;
        noteSignIn(around, outcome.signedIn);
        const { subject, sid, bound } = outcome.signedIn.session;
        if (bound !== null) around.emit({ event: "session_bound", subject, sid });
        return drfResponse(200, {
          refresh: pair.refresh,
          access: pair.access,
          ...(presenter.provenJkt === undefined ? {} : { token_type: "DPoP" }),
        });
      }
      case "rejected":
        around.emit({
          event: "sign_in_failed",
          reason: "invalid_credentials",
          name: outcome.name,
        });
        return drfResponse(401, { detail: NO_ACCOUNT });
      case "throttled": {
        around.emit({
          event: "sign_in_throttled",
          retryAfterSeconds: outcome.retryAfterSeconds,
          ...(outcome.name === null ? {} : { name: outcome.name }),
        });
        const { detail, retryAfterSeconds = 1 } = tooManyAttempts(outcome.retryAfterSeconds);
        return retryLater(429, { detail, code: "too_many_attempts" }, retryAfterSeconds);
      }
      case "abandoned":
        around.emit({ event: "sign_in_failed", reason: "abandoned", name: outcome.name });
        return unavailable("Sign-in is not possible at the moment.");
      case "unavailable":
        around.emit({ event: "identity_unavailable", reason: outcome.reason });
        return unavailable("Sign-in is not possible at the moment.");
    }
  }

  async function refreshPair(
    { around, presenter }: Asked,
    { refresh }: { readonly refresh: string },
  ): Promise<Response> {
    const refreshing = sessions.refresh(refresh, presenter);
    // Also for whoever hangs up; see `access/renew.ts`.
    around.waitUntil(refreshing.catch(() => {}));
    const outcome = await refreshing;
    if (outcome.kind === "refreshed") {
      const { session, pair } = outcome.signedIn;
      around.emit({
        event: "refresh",
        subject: session.subject,
        sid: session.sid,
        replayed: outcome.replayed,
      });
      return drfResponse(200, { access: pair.access, refresh: pair.refresh });
    }
    const { code, detail } = refreshProblem(outcome, around);
    return outcome.kind === "unproven"
      ? drfResponse(403, { detail, code })
      : await refreshRefused(outcome, refresh);
  }

  async function verifyAny(
    { around, presenter }: Asked,
    fields: { readonly token: string },
  ): Promise<Response> {
    const token = await anyToken(fields.token);
    if (typeof token === "string") return notValid(failureDetail(token, version));
    // A backend that asks here takes what it was shown for good as it is: as a bearer token.
    if (token.bound?.by === "dpop" && presenter.provenJkt !== token.bound.jkt) {
      return notValid(failureDetail("bad_claims", version));
    }
    if (await isSpent(token, around)) return drfResponse(400, { non_field_errors: [BLACKLISTED] });
    return drfResponse(200, {});
  }

  async function anyToken(token: string): Promise<VerifiedToken | TokenFailure> {
    const access = await verifier.verify(token, "access");
    return access === "wrong_type" ? await verifier.verify(token, "refresh") : access;
  }

  /** Whether a token, good by itself, has been revoked, or spent by rotation. */
  async function isSpent(token: VerifiedToken, around: Surroundings): Promise<boolean> {
    if (token.type === "refresh") return await sessions.isSpent(token);
    const fresh = await view.ensureFresh(around.waitUntil);
    return fresh ? view.isRevoked(token) : await sessions.status(token) !== "live";
  }

  async function refreshRefused(
    outcome: Exclude<RefreshOutcome, { kind: "refreshed" | "unproven" }>,
    token: string,
  ): Promise<Response> {
    switch (outcome.kind) {
      case "invalid":
        return await refreshFailure(outcome.failure, token);
      case "expired":
        return notValid(failureDetail("expired", version));
      case "reused":
      case "revoked":
        return notValid(BLACKLISTED);
      case "refused":
        return drfResponse(401, { detail: "No active account found for the given token." });
      case "unavailable":
        return unavailable("Tokens can not be refreshed at the moment.");
    }
  }

  async function refreshFailure(failure: TokenFailure, token: string): Promise<Response> {
    const told = await timeBeforeType(failure, token, "refresh", verifier);
    return notValid(failureDetail(told, version));
  }

  return app;
}

function withNonce(response: Response, { nonce }: TokenKeyProof): Response {
  if (nonce !== null) response.headers.set("dpop-nonce", nonce);
  return response;
}

function notValid(detail: string): Response {
  return drfResponse(401, { detail, code: "token_not_valid" });
}

function unavailable(detail: string): Response {
  return retryLater(503, { detail, code: "identity_unavailable" }, 1);
}

function retryLater(status: Status, body: object, seconds: number): Response {
  const response = drfResponse(status, body);
  response.headers.set("retry-after", String(Math.ceil(seconds)));
  return response;
}
