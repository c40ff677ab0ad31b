/**
 * Who may use the admin listener. On a loopback address or a Unix socket whoever can connect may,
 * as long as no web page speaks through a browser; anywhere else a token is asked for. Where a
 * token is set it is asked for everywhere.
 *
 * @module
 */
import type { Problem } from "../http/problem.ts";
import { isLoopbackName } from "./options.ts";

/** Somebody who was let in. `name` is what the audit log calls them. */
export interface Actor {
  readonly name: string;
}

/** Decides about one request. */
export type Guard = (request: Request) => Promise<Actor | { readonly problem: Problem }>;

/** A token is compared by its digest, so that the time it takes tells nothing. */
export interface AdminToken {
  readonly name: string;
  readonly digest: string;
}

/** Tokens shorter than this can be guessed. */
const MIN_TOKEN_LENGTH = 32;

/** What `POSTERN_ADMIN_TOKEN` holds can not be used. */
export class AdminTokenError extends Error {
  override readonly name = "AdminTokenError";
  readonly code = "admin_token_invalid";
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/**
 * Reads `POSTERN_ADMIN_TOKEN`: one token, or several as `name:token`, separated by commas or
 * spaces; the names stand in the audit log.
 *
 * @throws {AdminTokenError} when a token is too short or a name stands twice; never quotes one.
 */
export async function readAdminTokens(text: string | undefined): Promise<readonly AdminToken[]> {
  const tokens: AdminToken[] = [];
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const [index, part] of (text ?? "").split(/[\s,]+/).filter((each) => each).entries()) {
    const [, given = "token", token = ""] = /^(?:([\w.@-]{1,64}):)?(.*)$/s.exec(part) ?? [];
    const where = `POSTERN_ADMIN_TOKEN[${index}]`;
    if (token.length < MIN_TOKEN_LENGTH) {
      problems.push(
        `${where}: has ${token.length} characters and needs at least ${MIN_TOKEN_LENGTH}; \`openssl rand -base64 32\` prints one`,
      );
    }
    if (seen.has(given)) problems.push(`${where}: the name "${given}" stands twice`);
    seen.add(given);
    tokens.push({ name: given, digest: await digestOf(token) });
  }
  if (problems.length > 0) throw new AdminTokenError(problems);
  return tokens;
}

/** Prepares the guard. `trustsPeers`: whoever can connect may ask (loopback, Unix socket). */
export function createGuard(options: {
  readonly trustsPeers: boolean;
  readonly tokens: readonly AdminToken[];
}): Guard {
  const { tokens } = options;
  const asksForToken = tokens.length > 0 || !options.trustsPeers;

  return async function guard(request) {
    const { headers } = request;
    // A page on the web can have its name point at this machine (DNS rebinding).
    if (!asksForToken && !isLoopbackName(hostnameOf(request))) {
      return {
        problem: {
          code: "admin_host_unknown",
          detail: "Ask for it by a loopback address, or set POSTERN_ADMIN_TOKEN.",
        },
      };
    }
    if (!isOwnPage(request)) return { problem: { code: "csrf_failed" } };
    if (!asksForToken) return { name: `local:${claimedName(headers)}` };
    const presented = tokenOf(headers.get("authorization"));
    if (presented === null) return { problem: { code: "admin_token_missing" } };
    const digest = await digestOf(presented);
    const known = tokens.find((token) => token.digest === digest);
    return known === undefined
      ? { problem: { code: "admin_token_invalid" } }
      : { name: `token:${known.name}` };
  };
}

/**
 * A browser says from where a change comes; other clients say nothing. A form that says nothing is
 * a browser that is too old to be told apart from an attack.
 */
function isOwnPage(request: Request): boolean {
  const { headers } = request;
  const site = headers.get("sec-fetch-site");
  if (request.method === "GET" || request.method === "HEAD") {
    // Another site could not read the answer, but it could have us count sessions all day.
    return site === null || site === "same-origin" || site === "none" ||
      headers.get("sec-fetch-mode") === "navigate";
  }
  if (site !== null) return site === "same-origin";
  const origin = headers.get("origin");
  if (origin !== null) return URL.parse(origin)?.host === headers.get("host");
  return !isForm(headers);
}

function isForm(headers: Headers): boolean {
  const type = headers.get("content-type") ?? "";
  return /^(?:application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)/i.test(type);
}

function hostnameOf(request: Request): string {
  const host = request.headers.get("host") ?? new URL(request.url).host;
  return host.replace(/:\d{1,5}$/, "");
}

/** What a peer on this machine calls itself: a hint for the audit log, proven by nobody. */
function claimedName(headers: Headers): string {
  const name = headers.get("x-postern-actor") ?? "";
  return /^[\w.@-]{1,64}$/.test(name) ? name : "unnamed";
}

/** `Bearer` for programs (RFC 6750), `Basic` for browsers (RFC 7617; the user name is ignored). */
function tokenOf(authorization: string | null): string | null {
  const [, scheme = "", rest = ""] = /^(\S+) +(\S+)$/.exec(authorization ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer") return rest;
  if (scheme.toLowerCase() !== "basic") return null;
  try {
    const decoded = atob(rest);
    return decoded.slice(decoded.indexOf(":") + 1);
  } catch {
    return null;
  }
}

async function digestOf(token: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  return new Uint8Array(bytes).toHex();
}
