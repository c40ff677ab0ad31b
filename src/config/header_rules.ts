/**
 * Which headers a route may set or remove: none that carries identity or a
 * credential, belongs to one connection, or is written by Postern itself.
 *
 * @module
 */
import {
  CONNECTION_BOUND,
  foldHeaderName,
  FORWARDING,
  HOP_BY_HOP,
  IDENTITY,
  IDENTITY_PREFIX,
  isOverriding,
  isPlainHeaderName,
} from "../http/header_names.ts";

/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible ASCII with single spaces inside: nothing that could end the header. */
const VALUE = /^(?:[\x21-\x7E](?:[\x20-\x7E]*[\x21-\x7E])?)?$/;

const RESERVED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  ...CONNECTION_BOUND,
  ...FORWARDING,
  "tracestate",
  "via",
]);

const CREDENTIAL: Readonly<Record<"request" | "response", ReadonlySet<string>>> = {
  request: new Set(["authorization", "cookie", "x-csrf-token"]),
  response: new Set(["set-cookie", "www-authenticate"]),
};

/** Why a rule may not touch this header, or `null`. */
export function headerRuleProblem(direction: "request" | "response", name: string): string | null {
  if (!TOKEN.test(name)) return "is no header name";
  const folded = foldHeaderName(name);
  if (RESERVED.has(folded)) return "belongs to the connection or is written by Postern itself";
  if (folded.startsWith(IDENTITY_PREFIX) || folded === "x-auth") {
    return "carries identity, which only Postern writes";
  }
  if (CREDENTIAL[direction].has(folded)) return "carries a credential";
  return null;
}

/** Why a route may not let this header of the client through, or `null`. */
export function passedHeaderProblem(name: string): string | null {
  const folded = foldHeaderName(name);
  if (!isPlainHeaderName(name)) return "must be letters, digits and -";
  if (folded.startsWith(IDENTITY_PREFIX)) return "carries identity, which only Postern writes";
  if (RESERVED.has(folded)) return "belongs to the connection or is written by Postern itself";
  return isOverriding(folded) ? null : "passes anyhow; remove it";
}

/**
 * Why a claim may not go to upstreams under this name, or `null`. `X-Auth-Email` and
 * names of a backend's own will do.
 */
export function identityHeaderProblem(name: string): string | null {
  const folded = foldHeaderName(name);
  if (IDENTITY.includes(folded)) return "is written by Postern itself";
  if (RESERVED.has(folded)) {
    return "belongs to the connection or is written by Postern itself";
  }
  if (CREDENTIAL.request.has(folded)) return "carries a credential";
  return null;
}

/** Whether a text can stand in a header as it is. */
export function isHeaderValue(text: string): boolean {
  return VALUE.test(text);
}
