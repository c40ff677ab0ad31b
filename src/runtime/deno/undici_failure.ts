/**
 * What `undici` and the sockets below it say when something fails, in words that
 * may be logged: their own quote addresses and paths.
 *
 * @module
 */
import { networkReason } from "../../outbound/network_reason.ts";
import { TransportError } from "../../upstream/transport.ts";
import type { TransportFailure } from "../../upstream/transport.ts";

const KNOWN: Readonly<Record<string, readonly [TransportFailure, string]>> = {
  UND_ERR_CONNECT_TIMEOUT: ["connect_timeout", "no connection in time"],
  ETIMEDOUT: ["connect_timeout", "no connection in time"],
  UND_ERR_HEADERS_OVERFLOW: ["bad_answer", "the headers are too large"],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: ["cut", "the answer is not as long as it was said to be"],
  UND_ERR_INVALID_ARG: ["unsendable", "the request can not be written as it is"],
  UND_ERR_NOT_SUPPORTED: ["unsendable", "the request can not be written as it is"],
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: ["unsendable", "the body is not as long as it was said"],
  UND_ERR_DESTROYED: ["unsendable", "the upstream has been closed"],
  UND_ERR_CLOSED: ["unsendable", "the upstream has been closed"],
  ECONNREFUSED: ["cut", "connection refused"],
  ENOENT: ["cut", "there is no such socket"],
  ENOTFOUND: ["cut", "the host name could not be resolved"],
  EAI_AGAIN: ["cut", "the host name could not be resolved"],
  ECONNRESET: ["cut", "the connection was cut"],
  EPIPE: ["cut", "the connection was cut"],
  EHOSTUNREACH: ["cut", "the host is unreachable"],
  ENETUNREACH: ["cut", "the host is unreachable"],
  UND_ERR_SOCKET: ["cut", "the connection was cut"],
};

/** Sorts a failure. `isStarted`: whether anything of the request may have been sent. */
export function transportError(error: Error, isStarted: boolean): TransportError {
  const [failure, reason] = sorted(error);
  // Whatever fails before the first byte is a connection that did not come about.
  if (!isStarted && (failure === "cut" || failure === "bad_answer")) {
    return new TransportError("unreachable", reason);
  }
  // A connection that stands can time out, too: then something was sent.
  if (isStarted && failure === "connect_timeout") {
    return new TransportError("cut", "the connection was cut");
  }
  return new TransportError(failure, reason);
}

function sorted(error: Error): readonly [TransportFailure, string] {
  const { code, message } = error as Error & { code?: unknown };
  if (error.name === "HTTPParserError") return ["bad_answer", "the answer is not HTTP"];
  if (typeof code === "string") {
    // An answer to nobody's question: a 100, or a protocol that was not asked for.
    if (code === "UND_ERR_SOCKET" && message.startsWith("bad ")) {
      return ["bad_answer", "an answer that nobody asked for"];
    }
    const known = KNOWN[code];
    if (known !== undefined) return known;
  }
  // First: what is wrong with a certificate is told with the names that are in it.
  if (/certificate|altname/i.test(message)) return ["cut", "the TLS handshake failed"];
  return ["cut", networkReason(error)];
}
