/**
 * The `htu` of a proof against the request's own URI (RFC 9449 §4.3, check 9).
 *
 * @module
 */

const ESCAPE = /%[0-9A-Fa-f]{2}/g;
const UNRESERVED = /^[A-Za-z0-9\-._~]$/;
const MAX_LENGTH = 4096;

/**
 * Whether `htu` names this request: same origin, same path, after the
 * syntax-based and scheme-based normalisation of RFC 3986 §6.2.2 and §6.2.3;
 * query and fragment count on neither side.
 *
 * `origin` is ours as it is configured (never what `Host` says, which the
 * sender chooses), `path` the canonical path that was matched.
 */
export function isSameUri(htu: string, origin: string, path: string): boolean {
  if (htu.length > MAX_LENGTH) return false;
  // The everyday case: the client wrote just that.
  if (htu.length === origin.length + path.length && htu === origin + path) return true;
  let url: URL;
  try {
    url = new URL(htu);
  } catch {
    return false;
  }
  if (url.username !== "" || url.password !== "") return false;
  return url.origin === origin && normalised(url.pathname) === normalised(path);
}

function normalised(path: string): string {
  return path.replace(ESCAPE, (escape) => {
    const char = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return UNRESERVED.test(char) ? char : escape.toUpperCase();
  });
}
