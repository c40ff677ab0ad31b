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
  const mode = headers.get("sec-fetch-mode");
  if (mode !== null) return mode === "navigate";
  return headers.get("accept")?.includes("text/html") ?? false;
}

/** Only a browser that is going somewhere is sent to the login page; an API client gets 401. */
export function isNavigation(method: string, headers: HeaderReader): boolean {
  if (method !== "GET" && method !== "HEAD") return false;
  if (headers.get("authorization") !== null) return false;
  const mode = headers.get("sec-fetch-mode");
  if (mode !== null) return mode === "navigate";
  return headers.get("accept")?.includes("text/html") ?? false;
}
