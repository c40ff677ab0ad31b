/**
 * Why a connection failed, in words that may be logged: a runtime's own message
 * quotes the URL, and a URL can hold a key or a token.
 *
 * @module
 */

const NETWORK_REASONS: readonly (readonly [RegExp, string])[] = [
  [/refused/i, "connection refused"],
  [/dns|lookup|resolve|ENOTFOUND/i, "the host name could not be resolved"],
  [/certificate|tls|ssl/i, "the TLS handshake failed"],
  [/reset|closed|eof|before message completed|broken pipe/i, "the connection was cut"],
  [/unreachable/i, "the host is unreachable"],
];

/**
 * Sorts a network failure into words of our own, fit for a log.
 */
export function networkReason(error: unknown): string {
  const text = messageOf(error);
  return NETWORK_REASONS.find(([pattern]) => pattern.test(text))?.[1] ?? "the request failed";
}

/**
 * Whether the connection itself failed, so that nothing of the request was
 * sent. Said by Deno only; elsewhere nothing is known, so `false`.
 */
export function wasNeverSent(error: unknown): boolean {
  return messageOf(error).includes("client error (Connect)");
}

/** Without the URL, whose path would be taken for the reason (`/refused`). */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  return `${error.message} ${String(error.cause ?? "")}`.replace(/\(?https?:\S*/g, "");
}
