/**
 * Keys that our own script makes and proves (`client.js`), for browsers without Device Bound
 * Session Credentials: the same challenges and the same form of a proof, but it is a script
 * that asks, so the CSRF token is asked for as well.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import type { Renew, Renewal } from "../../access/renew.ts";
import { CHALLENGE_HEADER, challengeHeader, RESPONSE_HEADER } from "../../binding/dbsc.ts";
import { asksForChallenge } from "../../binding/device.ts";
import type { DeviceFailure, DeviceOutcome } from "../../binding/device.ts";
import type { DeviceBinding } from "../../binding/device_binding.ts";
import type { CookieJar } from "../../browser/cookies.ts";
import { isSameOrigin } from "../../browser/csrf.ts";
import type { Csrf } from "../../browser/csrf.ts";
import { allowOnly, fail, refuse } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import type { Problem } from "../../http/problem.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { VerifiedToken } from "../../tokens/claims.ts";
import type { TokenVerifier } from "../../tokens/verify.ts";
import { sessionJsonOf } from "../session/session_json.ts";

type GatewayContext = Context<GatewayEnv>;

/** What a request proves, or what is answered instead of going on. */
export type ScriptProof =
  | { readonly kind: "none" }
  | { readonly kind: "proven"; readonly jkt: string }
  | { readonly kind: "answered"; readonly response: Response };

/** The proof of a script's key beside a refresh. */
export interface ScriptKeys {
  /** Looks at a refresh whose CSRF token is good. */
  prove(c: GatewayContext, token: VerifiedToken): Promise<ScriptProof>;
  /** Puts a challenge on the answer to a refresh that lacked a proof, where it can be had so. */
  challenge(c: GatewayContext, token: VerifiedToken, problem: Problem): Promise<Response>;
}

const NOTHING: ScriptProof = { kind: "none" };

/** Whether a refusal is about a key that our script has. */
export function asksScript({ code, extensions }: Problem): boolean {
  return code === "binding_required" && extensions?.["bound"] === "script";
}

/** Prepares {@link ScriptKeys}. */
export function createScriptKeys({ challenges, proofs }: DeviceBinding): ScriptKeys {
  async function challenged(c: GatewayContext, token: VerifiedToken): Promise<Response> {
    return await withChallenge(c, challenges, "refresh", token, {
      code: "binding_required",
      detail: SIGN,
      extensions: { bound: "script" },
    });
  }

  return {
    async prove(c, token) {
      const proof = c.env.inbound.headers.get(RESPONSE_HEADER);
      if (proof === null) {
        return token.bound?.by === "script"
          ? { kind: "answered", response: await challenged(c, token) }
          : NOTHING;
      }
      const outcome = await proofs.checkScript(proof, {
        ...purposeOf(c, token),
        jkt: token.bound?.jkt ?? null,
      });
      if (outcome.kind === "proven") return { kind: "proven", jkt: outcome.jkt };
      return {
        kind: "answered",
        response: await refused(c, token, outcome, () => challenged(c, token)),
      };
    },
    challenge: (c, token, problem) =>
      asksScript(problem)
        ? withChallenge(c, challenges, "refresh", token, problem)
        : Promise.resolve(fail(c, problem)),
  };
}

/** `POST /bind`: the script's key becomes the one that the session is bound to. */
export function scriptEndpoint(parts: {
  readonly device: DeviceBinding;
  readonly jar: CookieJar;
  readonly csrf: Csrf;
  readonly verifier: Pick<TokenVerifier, "verify">;
  readonly sessions: Pick<Sessions, "bind" | "isSpent">;
  readonly renew: Renew;
}): Hono<GatewayEnv> {
  const { device: { challenges, proofs }, jar, csrf, verifier, sessions, renew } = parts;
  const app = new Hono<GatewayEnv>();

  /** Whose session it is about. */
  async function asked(
    c: GatewayContext,
  ): Promise<{ readonly token: VerifiedToken; readonly refresh: string } | Problem> {
    const { headers, origin } = c.env.inbound;
    if (!isSameOrigin(headers, origin)) return { code: "csrf_failed" };
    const cookies = jar.read(headers.get("cookie"));
    if (cookies.conflicting) return { code: "ambiguous_credentials" };
    if (cookies.refresh === null) return { code: "refresh_missing" };
    const token = await verifier.verify(cookies.refresh, "refresh");
    if (token === "expired") return { code: "refresh_expired" };
    if (token === "unknown_key") return { code: "unknown_key" };
    if (typeof token === "string" || token.isLegacy) return { code: "refresh_invalid" };
    return await csrf.check(token.sid, headers.get("x-csrf-token"), cookies.csrf)
      ? { token, refresh: cookies.refresh }
      : { code: "csrf_failed" };
  }

  app.post("/bind", async (c) => {
    const who = await asked(c);
    if ("code" in who) return refuse(c, who);
    const { token, refresh } = who;
    const proof = c.env.inbound.headers.get(RESPONSE_HEADER);
    const outcome = await proofs.checkRegistration(proof, purposeOf(c, token));
    if (outcome.kind === "refused") {
      const problem: Problem = { code: "binding_required", detail: SIGN };
      return await refused(
        c,
        token,
        outcome,
        () => withChallenge(c, challenges, "register", token, problem),
      );
    }
    // One that was copied long ago and is spent since must not lock the owner out.
    if (await sessions.isSpent(token)) return refuse(c, { code: "refresh_invalid" });
    const { sid, subject } = token;
    const { jkt } = outcome;
    switch (await sessions.bind(sid, { jkt, by: "script" })) {
      case "bound":
        c.get("around").emit({ event: "session_bound", subject, sid });
        return answer(c, await renew(c.env.inbound, refresh, jkt));
      case "already":
        c.get("around").emit({ event: "binding_failed", reason: "already", subject });
        return refuse(c, { code: "invalid_request", detail: "The session is bound already." });
      case "gone":
        return refuse(c, { code: "session_revoked" });
    }
  });
  allowOnly(app, "/bind", ["POST"]);

  function answer(c: GatewayContext, renewal: Renewal): Response {
    const isRenewed = renewal.kind === "renewed";
    const response = isRenewed
      ? c.json(sessionJsonOf(renewal.session, true))
      : fail(c, renewal.problem);
    const { setCookies } = isRenewed ? renewal.session : renewal;
    response.headers.set("cache-control", "no-store");
    for (const cookie of setCookies) response.headers.append("set-cookie", cookie);
    return response;
  }

  return app;
}

const SIGN = "Sign the challenge of Secure-Session-Challenge.";

/** What a challenge of ours is given out for, and held against. */
function purposeOf(c: GatewayContext, { sid, jti }: VerifiedToken) {
  return { origin: c.env.inbound.origin, sid, refreshJti: jti };
}

async function withChallenge(
  c: GatewayContext,
  challenges: DeviceBinding["challenges"],
  act: "register" | "refresh",
  token: VerifiedToken,
  problem: Problem,
): Promise<Response> {
  const response = fail(c, problem);
  const challenge = await challenges.issue({ act, ...purposeOf(c, token) });
  response.headers.set(CHALLENGE_HEADER, challengeHeader(challenge, null));
  return response;
}

/** The next challenge where that helps; else the script's key is not the session's. */
async function refused(
  c: GatewayContext,
  { subject }: VerifiedToken,
  { failure }: Extract<DeviceOutcome, { readonly kind: "refused" }>,
  challenged: () => Promise<Response>,
): Promise<Response> {
  if (asksForChallenge(failure)) return await challenged();
  c.get("around").emit({
    event: "binding_failed",
    reason: failure satisfies DeviceFailure,
    subject,
  });
  return refuse(c, {
    code: "binding_required",
    detail: `The proof was refused: ${failure}.`,
    extensions: { reason: failure },
  });
}
