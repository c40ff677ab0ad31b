/**
 * Which headers a route may set or remove: none that carries identity or a
 * credential, belongs to one connection, or is written by Postern itself.
 *
 * @module
 */
import { foldHeaderName, HOP_BY_HOP } from "../http/header_names.ts";

/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible ASCII with single spaces inside: nothing that could end the header. */
const VALUE = /^(?:[\x21-\x7E](?:[\x20-\x7E]*[\x21-\x7E])?)?$/;

const RESERVED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  "host",
  "expect",
  "content-length",
  "via",
  "forwarded",
  "x-request-id",
  "traceparent",
  "tracestate",
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
  if (/^x-(?:auth|forwarded)(?:-|$)/.test(folded)) {
    return "carries identity or forwarding, which only Postern writes";
  }
  if (CREDENTIAL[direction].has(folded)) return "carries a credential";
  return null;
}

/** Whether a text can stand in a header as it is. */
export function isHeaderValue(text: string): boolean {
  return VALUE.test(text);
}
