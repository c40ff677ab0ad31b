/**
 * Identity source that asks an existing login endpoint.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import type { Clock } from "../base/clock.ts";
import type { JsonValue } from "../base/json.ts";
import { compilePointer } from "../base/json_pointer.ts";
import type { JsonPointer } from "../base/json_pointer.ts";
import { createBackChannel, unexpectedStatus } from "../outbound/back_channel.ts";
import type { BackChannelOptions, Question } from "../outbound/back_channel.ts";
import { retryAfterSeconds } from "../outbound/retry_after.ts";
import { compileClaims, toSubject } from "../tokens/claim_map.ts";
import { jwtPayload } from "../tokens/decode.ts";
import type { Credentials, IdentityOutcome, IdentitySource } from "./port.ts";

/** How to speak to a login endpoint, and where its answer holds what. */
export interface UpstreamIdentityOptions extends BackChannelOptions {
  /** How the credentials are sent: a JSON object, or an HTML form's encoding. */
  readonly format: "json" | "form";
  readonly usernameField: string;
  readonly passwordField: string;
  /** Where the answer holds a JWT. When set, `subject` and `claims` point into its payload. */
  readonly token?: JsonPointer;
  /** Where the subject is: a string, or a whole number that becomes one. */
  readonly subject: JsonPointer;
  /** Claim name to pointer. */
  readonly claims: Readonly<Record<string, JsonPointer>>;
}

/**
 * Signs people in at an existing login endpoint. 2xx with a usable subject
 * accepts; 400, 401, 403 and 422 reject; 429 throttles; whatever else happens
 * is `unavailable`, so that a broken backend never reads as a wrong password.
 */
export function createUpstreamIdentity(
  options: UpstreamIdentityOptions,
  ports: { readonly fetch: typeof globalThis.fetch; readonly clock?: Clock },
): IdentitySource {
  const ask = createBackChannel(options, ports);
  const clock = ports.clock ?? systemClock;
  const readToken = options.token === undefined ? null : compilePointer(options.token);
  const readSubject = compilePointer(options.subject);
  const readClaims = compileClaims(options.claims);

  function accept(answer: JsonValue): IdentityOutcome {
    // The signature is not checked, and need not be: the token comes straight from its
    // issuer over a channel that Postern opened (OpenID Connect Core 1.0, 3.1.3.7 item 6).
    const document = readToken === null ? answer : jwtPayload(readToken(answer));
    if (document === null) return unavailable("the answer holds no JWT where one is expected");
    const subject = toSubject(readSubject(document));
    if (subject === null) return unavailable("the answer holds no usable subject");
    return { kind: "accepted", subject, claims: readClaims(document) };
  }

  return {
    async authenticate(credentials, context) {
      const answer = await ask(encode(credentials, options), context);
      switch (answer.kind) {
        case "json":
          return accept(answer.document);
        case "failed":
          return unavailable(answer.reason);
        case "status":
          return refuse(answer.status, answer.retryAfter, clock());
      }
    },
  };
}

function encode(credentials: Credentials, options: UpstreamIdentityOptions): Question {
  const fields = Object.fromEntries([
    [options.usernameField, credentials.username],
    [options.passwordField, credentials.password],
  ]);
  return options.format === "json"
    ? { contentType: "application/json", body: JSON.stringify(fields) }
    : {
      contentType: "application/x-www-form-urlencoded",
      body: new URLSearchParams(fields).toString(),
    };
}

function refuse(status: number, retryAfter: string | null, nowMs: number): IdentityOutcome {
  switch (status) {
    case 400:
    case 401:
    case 403:
    case 422:
      return { kind: "rejected" };
    case 429:
      return { kind: "throttled", retryAfterSeconds: retryAfterSeconds(retryAfter, nowMs) };
    default:
      return unavailable(unexpectedStatus(status));
  }
}

function unavailable(reason: string): IdentityOutcome {
  return { kind: "unavailable", reason: `login endpoint: ${reason}` };
}
