/**
 * A sign-in as browsers send it, whoever asks: the script of a front end, or
 * the form of the sign-in page.
 *
 * @module
 */
import type { Context } from "hono";
import * as z from "../../base/schema.ts";
import type { CookieSession, ToCookies } from "../../access/cookie_session.ts";
import type { ReadCredential } from "../../access/credential.ts";
import type { Identify } from "../../access/identify.ts";
import { sessionOf } from "../../access/leaving.ts";
import type { FindLeaving } from "../../access/leaving.ts";
import type { Renew } from "../../access/renew.ts";
import { tooManyAttempts } from "../../access/renewal_problem.ts";
import { noteSignIn } from "../../access/sign_in_event.ts";
import type { Authenticate } from "../../access/standing.ts";
import { ClaimsTooLargeError, StoreUnavailableError } from "../../base/errors.ts";
import type { DeviceBinding } from "../../binding/device_binding.ts";
import type { CookieJar } from "../../browser/cookies.ts";
import type { Cors } from "../../browser/cors.ts";
import type { OriginRule } from "../../browser/origin_rule.ts";
import type { Csrf } from "../../browser/csrf.ts";
import { readFields } from "../../http/body.ts";
import type { Fields } from "../../http/body.ts";
import { denied } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import { presenterOf } from "../../http/presenter.ts";
import type { Problem } from "../../http/problem.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { SignIn } from "../../sign_in/password.ts";
import type { TokenVerifier } from "../../tokens/verify.ts";

/** What everything that browsers ask of Postern is put together from. */
export interface BrowserParts {
  readonly origin: string;
  readonly jar: CookieJar;
  readonly csrf: Csrf;
  readonly attemptSignIn: (c: Context<GatewayEnv>) => Promise<SignInAttempt>;
  readonly toCookies: ToCookies;
  readonly sessions: Sessions;
  readonly verifier: TokenVerifier;
  readonly authenticate: Authenticate;
  readonly identify: Identify;
  readonly renew: Renew;
  readonly readCredential: ReadCredential;
  readonly findLeaving: FindLeaving;
  readonly isTrustedOrigin: OriginRule;
  /** Of Postern's own paths. */
  readonly ownCors: Cors | null;
  /** Binds sessions to keys; `null`: switched off. */
  readonly device: DeviceBinding | null;
  /** Goes on with a sign-out at the provider; `null` where there are none. */
  readonly leave: Leave | null;
}

/**
 * What follows the end of a browser's session. `url`: where it goes on, so that the
 * person is signed out at the provider as well; `null`: nowhere.
 */
export type Leave = (c: Context<GatewayEnv>, sid: string) => Promise<{
  readonly url: string | null;
  readonly setCookies: readonly string[];
}>;

/** What became of an attempt. `fields` is what was sent, as far as it could be read. */
export type SignInAttempt =
  | { readonly kind: "signed_in"; readonly session: CookieSession; readonly fields: Fields }
  | { readonly kind: "failed"; readonly problem: Problem; readonly fields: Fields };

const credentialsSchema = z.object({
  username: z.string().check(z.minLength(1), z.maxLength(1024)),
  password: z.string().check(z.minLength(1), z.maxLength(4096)),
});

/** Prepares the attempt: origin rule, body, throttle, identity source, session, audit event. */
export function createSignInAttempt(
  { jar, signIn, sessions, verifier, toCookies, isTrustedOrigin }: {
    readonly isTrustedOrigin: OriginRule;
    readonly origin: string;
    readonly jar: CookieJar;
    readonly signIn: SignIn;
    readonly sessions: Pick<Sessions, "discard" | "endOf">;
    readonly verifier: TokenVerifier;
    readonly toCookies: ToCookies;
  },
): (c: Context<GatewayEnv>) => Promise<SignInAttempt> {
  /**
   * Ends the session that this browser had before: nobody holds its cookies any more
   * but whoever copied them.
   */
  async function endReplaced(c: Context<GatewayEnv>, fresh: string): Promise<void> {
    const before = await sessionOf(jar.read(c.req.raw.headers.get("cookie")), verifier);
    if (before === null || before.sid === fresh) return;
    const around = c.get("around");
    try {
      await sessions.endOf(before);
      around.emit({ event: "session_revoked", subject: before.subject, sid: before.sid });
    } catch (error) {
      // The new session stands; the old one ends by itself.
      if (!(error instanceof StoreUnavailableError)) throw error;
      around.emit({ event: "store_unavailable", reason: error.message });
    }
  }

  return async function attemptSignIn(c) {
    const around = c.get("around");
    let fields: Fields = {};
    const failed = (problem: Problem): SignInAttempt => ({ kind: "failed", problem, fields });
    // No session yet, so no CSRF token: the origin rule alone (login CSRF).
    if (!isTrustedOrigin(c.env.inbound)) {
      return failed(denied(c, { code: "csrf_failed" }));
    }
    const body = await readFields(c.req.raw);
    if (body.kind === "problem") return failed(body.problem);
    fields = body.fields;
    const credentials = credentialsSchema.safeParse(fields);
    if (!credentials.success) {
      return failed({
        code: "invalid_request",
        detail: "Send username and password.",
        extensions: {
          errors: credentials.error.issues.map((issue) => ({
            field: issue.path.join("."),
            message: issue.message,
          })),
        },
      });
    }
    const { headers, signal } = c.req.raw;
    const { device } = jar.read(headers.get("cookie"));
    const presenter = presenterOf(headers, signal, around);
    const outcome = await signIn(credentials.data, presenter, device).catch(asTooLarge);
    switch (outcome.kind) {
      case "too_large":
        around.emit({ event: "sign_in_failed", reason: outcome.detail });
        return failed({ code: "claims_too_large", detail: outcome.detail });
      case "signed_in": {
        const { session } = outcome.signedIn;
        try {
          const answer = await toCookies(outcome.signedIn, c.env.inbound);
          noteSignIn(around, outcome.signedIn);
          await endReplaced(c, session.sid);
          if (!isBrowser(headers)) return { kind: "signed_in", session: answer, fields };
          const remembered = jar.issueDevice(await outcome.rememberDevice());
          const setCookies = [...answer.setCookies, remembered];
          return { kind: "signed_in", session: { ...answer, setCookies }, fields };
        } catch (error) {
          const { detail } = asTooLarge(error);
          await sessions.discard(session);
          around.emit({ event: "sign_in_failed", reason: detail });
          return failed({ code: "claims_too_large", detail });
        }
      }
      case "rejected":
        around.emit({
          event: "sign_in_failed",
          reason: "invalid_credentials",
          name: outcome.name,
        });
        return failed({ code: "invalid_credentials" });
      case "throttled":
        around.emit({
          event: "sign_in_throttled",
          retryAfterSeconds: outcome.retryAfterSeconds,
          ...(outcome.name === null ? {} : { name: outcome.name }),
        });
        return failed(tooManyAttempts(outcome.retryAfterSeconds));
      case "abandoned":
        around.emit({ event: "sign_in_failed", reason: "abandoned", name: outcome.name });
        return failed({ code: "identity_unavailable" });
      case "unavailable":
        around.emit({ event: "identity_unavailable", reason: outcome.reason });
        return failed({ code: "identity_unavailable" });
    }
  };
}

/** Browsers say where a request comes from (Fetch Metadata); nobody else has a use for a device cookie. */
function isBrowser(headers: Headers): boolean {
  return headers.has("sec-fetch-site");
}

/** What is known of somebody does not fit; whatever else was thrown goes on. */
function asTooLarge(error: unknown): { readonly kind: "too_large"; readonly detail: string } {
  if (error instanceof ClaimsTooLargeError) return { kind: "too_large", detail: error.message };
  throw error;
}
