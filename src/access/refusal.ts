/**
 * How a refusal is worded: a problem document, the way to the sign-in page for
 * browsers that are going somewhere, or SimpleJWT's words for its clients.
 *
 * @module
 */
import { NO_GATEWAY_COOKIES } from "../browser/cookies.ts";
import { isNavigation } from "../browser/navigation.ts";
import { problemResponse } from "../http/problem.ts";
import type { Problem } from "../http/problem.ts";
import type { Unreadable } from "../http/read.ts";
import type { Target } from "../policy/target.ts";
import type { TokenVerifier } from "../tokens/verify.ts";
import type { Credential } from "./credential.ts";
import type { Denied } from "./decide.ts";
import { loginLocation } from "./login_location.ts";
import { resourceMetadataUrl } from "./resource_metadata.ts";
import type { StepUp } from "./step_up.ts";
import { drfResponse, resourceRefusal, timeBeforeType } from "./simplejwt_words.ts";
import type { ResourceRefusal, SimpleJwtVersion } from "./simplejwt_words.ts";

/** Words refusals, and writes their audit events. */
export interface RefusalWords {
  /** Of a request that has not been asked who it is. */
  refuse(inbound: Unreadable, problem: Problem): Response;
  /** Of a decision. */
  deny(inbound: Unreadable, denied: Denied): Response | Promise<Response>;
}

/** Prepares {@link RefusalWords}. */
export function createRefusalWords(parts: {
  readonly loginPath: string;
  /** Where a browser binds its session; `null`: nowhere. */
  readonly bindingPath: string | null;
  /** The public origin, if clients are told who gives out tokens (RFC 9728); else `null`. */
  readonly resourceOrigin: string | null;
  /** Whose words API clients hear in a 401; `null`: problem documents. */
  readonly compat: SimpleJwtVersion | null;
  readonly verifier: TokenVerifier;
  /** The way to a stronger sign-in; `null` where there are no providers. */
  readonly stepUp: StepUp | null;
  /** Hears of every browser that is sent to sign in, with the code of the problem. */
  readonly onSentToSignIn: (code: Problem["code"]) => void;
}): RefusalWords {
  const { loginPath, bindingPath, resourceOrigin, compat, verifier, stepUp, onSentToSignIn } =
    parts;

  function answer(inbound: Unreadable, problem: Problem, subject: string | null): Response {
    const { method, headers, around, target } = inbound;
    around.emit({
      event: "denied",
      code: problem.code,
      method,
      path: target?.path ?? "",
      ...(subject === null ? {} : { subject }),
    });
    const onward = isNavigation(method, headers) ? wayOn(target, problem, subject) : null;
    if (onward !== null) {
      if (isSignIn(onward)) onSentToSignIn(problem.code);
      return new Response(null, {
        status: 302,
        headers: { location: onward, "cache-control": "no-store" },
      });
    }
    return problemResponse(
      resourceOrigin === null || target === null ? problem : {
        ...problem,
        resourceMetadata: resourceMetadataUrl(resourceOrigin, target.path),
      },
      around.trace.requestId,
    );
  }

  const isSignIn = (onward: string) => bindingPath === null || !onward.startsWith(bindingPath);

  /** Where a browser goes that is going somewhere. */
  function wayOn(target: Target | null, problem: Problem, subject: string | null): string | null {
    const returnTo = target === null ? "/" : target.path + target.search;
    // Whose key is lost can renew nothing; who is named, and bound to none, need not sign in.
    const isLost = problem.code === "binding_required" && subject === null;
    if (isLost || isSignInProblem(problem)) {
      return loginLocation(loginPath, returnTo, problem.code !== "token_missing");
    }
    if (problem.code === "binding_required" && bindingPath !== null) {
      return `${bindingPath}?return_to=${encodeURIComponent(returnTo)}`;
    }
    const { authentication } = problem;
    if (authentication === undefined || subject === null || stepUp === null) return null;
    return stepUp(subject, authentication, returnTo);
  }

  /** What an API client hears instead of a problem document; browsers keep theirs. */
  async function inWordsOfSimpleJwt(
    plain: Response,
    { code }: Problem,
    credential: Credential,
    version: SimpleJwtVersion,
  ): Promise<Response> {
    const usesCookies = credential.cookies !== NO_GATEWAY_COOKIES;
    if (usesCookies || plain.headers.has("location")) return plain;
    const refuse = (refusal: ResourceRefusal) =>
      drfResponse(401, resourceRefusal(refusal, version));
    switch (code) {
      case "token_missing":
        return refuse("missing");
      case "invalid_request":
        return refuse("bad_header");
      case "session_revoked":
        return refuse("revoked");
      case "token_invalid":
      case "unknown_key":
      case "token_expired": {
        if (credential.kind !== "bearer") return plain;
        const { token } = credential;
        const failure = await verifier.verify(token, "access");
        return refuse(
          typeof failure === "string"
            ? await timeBeforeType(failure, token, "access", verifier)
            : "expired",
        );
      }
      default:
        return plain;
    }
  }

  return {
    refuse: (inbound, problem) => answer(inbound, problem, null),
    deny(inbound, { problem, credential, token, setCookies, nonce }) {
      const plain = answer(inbound, problem, token?.subject ?? null);
      for (const cookie of setCookies) plain.headers.append("set-cookie", cookie);
      if (nonce !== null) plain.headers.set("dpop-nonce", nonce);
      return compat === null || token !== null
        ? plain
        : inWordsOfSimpleJwt(plain, problem, credential, compat);
    },
  };
}

function isSignInProblem(problem: Problem): boolean {
  switch (problem.code) {
    case "token_missing":
    case "token_expired":
    case "token_invalid":
    case "session_revoked":
    case "refresh_missing":
    case "refresh_invalid":
    case "refresh_expired":
    case "refresh_reused":
      return true;
    default:
      return false;
  }
}
