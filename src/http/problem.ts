/**
 * Failures as data: a closed union of codes, and the one place that turns a
 * code into a status, a problem document (RFC 9457) and a challenge (RFC 6750).
 *
 * @module
 */

/** Every failure the gateway itself can answer with, and its status. */
const STATUS = {
  invalid_request: 400,
  ambiguous_credentials: 400,
  ambiguous_path: 400,
  token_in_query: 400,
  navigation_required: 400,
  token_missing: 401,
  token_invalid: 401,
  insufficient_user_authentication: 401,
  token_expired: 401,
  unknown_key: 401,
  invalid_dpop_proof: 401,
  use_dpop_nonce: 401,
  session_revoked: 401,
  invalid_credentials: 401,
  invalid_client: 401,
  admin_token_missing: 401,
  admin_token_invalid: 401,
  refresh_missing: 401,
  refresh_invalid: 401,
  refresh_expired: 401,
  refresh_reused: 401,
  csrf_failed: 403,
  origin_not_allowed: 403,
  untrusted_proxy: 403,
  insufficient_scope: 403,
  binding_required: 403,
  not_found: 404,
  session_not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  body_broken: 400,
  payload_too_large: 413,
  url_too_long: 414,
  unsupported_media_type: 415,
  misdirected_request: 421,
  admin_host_unknown: 421,
  config_invalid: 422,
  too_many_attempts: 429,
  headers_too_large: 431,
  internal_error: 500,
  claims_too_large: 500,
  not_implemented: 501,
  upstream_unavailable: 502,
  upstream_bad_answer: 502,
  misconfigured: 503,
  not_ready: 503,
  identity_unavailable: 503,
  issuer_unavailable: 503,
  store_unavailable: 503,
  upstream_busy: 503,
  upstream_down: 503,
  upstream_timeout: 504,
} as const;

/** The stable code of a failure. */
export type ProblemCode = keyof typeof STATUS;

const TITLE: Readonly<Record<ProblemCode, string>> = {
  invalid_request: "The request is malformed",
  ambiguous_credentials: "The request carries two different tokens",
  ambiguous_path: "The path could be read in more than one way",
  token_in_query: "A token must not travel in a query",
  navigation_required: "This address is for browsers that are going somewhere",
  token_missing: "Sign-in is required",
  token_invalid: "The access token is not valid",
  token_expired: "The access token has expired",
  invalid_dpop_proof: "The proof of the token's key is not valid",
  use_dpop_nonce: "The proof of the token's key needs a nonce of ours",
  unknown_key: "The token was signed with a key that is not known here",
  session_revoked: "The session has been ended",
  admin_token_missing: "A token is asked for here",
  admin_token_invalid: "The token is not one of POSTERN_ADMIN_TOKEN",
  admin_host_unknown: "The admin listener is not known by this name",
  config_invalid: "The configuration can not be used",
  not_ready: "The gateway takes no requests at the moment",
  invalid_client: "A client has to show its credential here",
  invalid_credentials: "The user name or password is wrong",
  refresh_missing: "There is no refresh token",
  refresh_invalid: "The refresh token is not valid",
  refresh_expired: "The session has expired",
  refresh_reused: "The refresh token was used twice; the session has been ended",
  csrf_failed: "The request did not come from this site",
  origin_not_allowed: "Another origin may not ask this",
  untrusted_proxy: "Only proxies of the configuration (verify) may ask here",
  binding_required: "The session has to be bound to a key, and the key to be proven",
  insufficient_scope: "The access token does not allow this",
  insufficient_user_authentication: "This asks for a stronger or more recent sign-in",
  not_found: "There is nothing here",
  session_not_found: "There is no such session",
  method_not_allowed: "This method is not allowed here",
  request_timeout: "The request body did not arrive in time",
  body_broken: "The request body broke off",
  payload_too_large: "The request body is too large",
  unsupported_media_type: "This content type is not understood here",
  misdirected_request: "This host is not served here",
  url_too_long: "The URL is too long",
  headers_too_large: "The request headers are too large or too many",
  not_implemented: "This is not supported here",
  upstream_busy: "The upstream has as many requests under way as it may have",
  upstream_down: "The upstream is out of order and is given a rest",
  too_many_attempts: "Too many failed attempts",
  internal_error: "Something went wrong in the gateway",
  claims_too_large: "The claims of this subject do not fit into a token",
  upstream_unavailable: "The upstream can not be reached",
  upstream_bad_answer: "The upstream's answer can not be passed on",
  misconfigured: "The gateway is not set up; its log says what is missing",
  identity_unavailable: "Sign-in is not possible at the moment",
  issuer_unavailable: "The issuer of the token can not be asked for its keys at the moment",
  store_unavailable: "Sessions can not be checked at the moment",
  upstream_timeout: "The upstream did not answer in time",
};

/** Codes whose 401 tells, after RFC 6750 §3.1, that a token was presented and refused. */
const INVALID_TOKEN: ReadonlySet<ProblemCode> = new Set([
  "token_invalid",
  "token_expired",
  "unknown_key",
  "session_revoked",
  "refresh_invalid",
  "refresh_expired",
  "refresh_reused",
]);

/** Seconds after which an outage is worth another try, unless something better is known. */
const RETRY_AFTER_SECONDS = 1;

/** A failure with its facts. */
export interface Problem {
  readonly code: ProblemCode;
  /** For a person: what happened and what to do. Never a secret. */
  readonly detail?: string;
  readonly retryAfterSeconds?: number;
  /** For `insufficient_scope`: what would have sufficed. */
  readonly scope?: readonly string[];
  /** For `insufficient_user_authentication`: what would have sufficed (RFC 9470 section 3). */
  readonly authentication?: {
    readonly acrValues: readonly string[];
    readonly maxAgeSeconds: number | null;
  };
  /** For `invalid_dpop_proof` and `use_dpop_nonce` (RFC 9449 §7.1, §8). */
  readonly dpop?: { readonly algorithms: readonly string[]; readonly nonce: string | null };
  /** For `method_not_allowed`. */
  readonly allow?: readonly string[];
  /** Where the client finds out who gives out tokens (RFC 9728 §5.1). */
  readonly resourceMetadata?: string;
  /** Further members of the document. */
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** The HTTP status of a failure. */
export function problemStatus(code: ProblemCode): number {
  return STATUS[code];
}

/** The answer for a failure: `application/problem+json`, never stored by any cache. */
export function problemResponse(problem: Problem, requestId: string): Response {
  const { code } = problem;
  const status = STATUS[code];
  const headers = new Headers({
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    "x-request-id": requestId,
  });
  const challenge = withMetadata(challengeFor(problem, status), problem);
  if (challenge !== null) headers.set("www-authenticate", challenge);
  if (typeof problem.dpop?.nonce === "string") headers.set("dpop-nonce", problem.dpop.nonce);
  if (problem.allow !== undefined) headers.set("allow", problem.allow.join(", "));
  const retryAfter = problem.retryAfterSeconds ??
    (status === 503 ? RETRY_AFTER_SECONDS : undefined);
  if (retryAfter !== undefined) headers.set("retry-after", String(Math.ceil(retryAfter)));
  const document = {
    type: "about:blank",
    title: TITLE[code],
    status,
    code,
    ...(problem.detail === undefined ? {} : { detail: problem.detail }),
    requestId,
    ...problem.extensions,
  };
  return new Response(JSON.stringify(document), { status, headers });
}

function withMetadata(challenge: string | null, { resourceMetadata }: Problem): string | null {
  return challenge === null || resourceMetadata === undefined
    ? challenge
    : `${challenge}, resource_metadata="${resourceMetadata}"`;
}

/** RFC 6750 §3: no `error` when no token was presented. */
function challengeFor(problem: Problem, status: number): string | null {
  const { code } = problem;
  if (code === "insufficient_scope") {
    const scope = problem.scope === undefined ? "" : `, scope="${problem.scope.join(" ")}"`;
    return `Bearer realm="postern", error="insufficient_scope", ` +
      `error_description="${TITLE[code]}"${scope}`;
  }
  if (code === "invalid_client") return 'Basic realm="postern"';
  if (code === "insufficient_user_authentication") {
    const { acrValues = [], maxAgeSeconds = null } = problem.authentication ?? {};
    return `Bearer realm="postern", error="${code}", error_description="${TITLE[code]}"` +
      (acrValues.length === 0 ? "" : `, acr_values="${acrValues.join(" ")}"`) +
      (maxAgeSeconds === null ? "" : `, max_age="${maxAgeSeconds}"`);
  }
  if (status !== 401) return null;
  if (problem.dpop !== undefined) {
    return `DPoP realm="postern", error="${code}", algs="${problem.dpop.algorithms.join(" ")}"`;
  }
  if (!INVALID_TOKEN.has(code)) return 'Bearer realm="postern"';
  return `Bearer realm="postern", error="invalid_token", error_description="${TITLE[code]}"`;
}
