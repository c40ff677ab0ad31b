/**
 * Whether a browser is going somewhere, or a script asks.
 *
 * @module
 */
import type { HeaderReader } from "../http/headers.ts";

/** A form that a browser sent to get a page; a script's `fetch` wants the wire contract's answer. */
export function isFormNavigation({ headers }: Request): boolean {
  const type = headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded" && type !== "multipart/form-data") return false;
  return isGoingSomewhere(headers);
}

/** Only a browser that is going somewhere is sent to the login page; an API client gets 401. */
export function isNavigation(method: string, headers: HeaderReader): boolean {
  if (method !== "GET" && method !== "HEAD") return false;
  if (headers.get("authorization") !== null) return false;
  return isGoingSomewhere(headers);
}

/** What browsers say of themselves; of the old ones, and of those on plain http, only what they take. */
function isGoingSomewhere(headers: HeaderReader): boolean {
  const mode = headers.get("sec-fetch-mode");
  if (mode !== null) return mode === "navigate";
  if (headers.get("x-requested-with")?.toLowerCase() === "xmlhttprequest") return false;
  return headers.get("accept")?.split(",").some(isPage) ?? false;
}

/** RFC 9110 §12.5.1: a weight of zero means "not this". */
function isPage(range: string): boolean {
  const [type = "", ...parameters] = range.toLowerCase().split(";").map((part) => part.trim());
  return type === "text/html" &&
    !parameters.some((parameter) => parameter.startsWith("q=") && Number(parameter.slice(2)) === 0);
}
