/**
 * How `djangorestframework-simplejwt` and the Django REST framework below it
 * read requests and word answers, so that front ends written for them notice
 * nothing.
 *
 * @module
 */
import type { TokenFailure, TokenType } from "../tokens/claims.ts";
import type { TokenVerifier } from "../tokens/verify.ts";

/** A version of `djangorestframework-simplejwt` whose words are spoken. */
export type SimpleJwtVersion = "5.2" | "5.3" | "5.4" | "5.5";

/** Statuses that the token transport answers with. */
export type Status = 200 | 400 | 401 | 403 | 405 | 408 | 413 | 415 | 429 | 500 | 503;

/** Said of a token that was revoked or spent. */
export const BLACKLISTED = "Token is blacklisted";

/** What is wrong with a token, in the words of a version. */
export function failureDetail(failure: TokenFailure, version: SimpleJwtVersion): string {
  if (failure === "wrong_type") return "Token has wrong type";
  if (version !== "5.5") return "Token is invalid or expired";
  return failure === "expired" ? "Token is expired" : "Token is invalid";
}

/** SimpleJWT looks at a token's time before it looks at its type. */
export async function timeBeforeType(
  failure: TokenFailure,
  token: string,
  expected: TokenType,
  verifier: TokenVerifier,
): Promise<TokenFailure> {
  if (failure !== "wrong_type") return failure;
  const other = await verifier.verify(token, expected === "refresh" ? "access" : "refresh");
  return other === "expired" ? other : failure;
}

/** A resource's refusal, as `JWTAuthentication` words it. */
export type ResourceRefusal = "missing" | "bad_header" | "revoked" | TokenFailure;

/** The body of a resource's 401. */
export function resourceRefusal(refusal: ResourceRefusal, version: SimpleJwtVersion): object {
  switch (refusal) {
    case "missing":
      return { detail: "Authentication credentials were not provided." };
    case "bad_header":
      return {
        detail: "Authorization header must contain two space-delimited values",
        code: "bad_authorization_header",
      };
    default: {
      const message = refusal === "revoked" ? BLACKLISTED : failureDetail(refusal, version);
      return {
        detail: "Given token not valid for any token type",
        code: "token_not_valid",
        messages: [{ token_class: "AccessToken", token_type: "access", message }],
      };
    }
  }
}

/** An answer of the token transport, or a resource's refusal. */
export function drfResponse(status: Status, body: object): Response {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "vary": "Accept",
  };
  if (status === 401) headers["www-authenticate"] = 'Bearer realm="api"';
  return new Response(JSON.stringify(body), { status, headers });
}
