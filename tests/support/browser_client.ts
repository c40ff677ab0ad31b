/**
 * A client that keeps cookies as a browser does, over plain `fetch`: enough for
 * the cookie transport without starting a browser.
 *
 * @module
 */
import assert from "node:assert/strict";

/** Session JSON of the wire contract. */
export interface SessionJson {
  readonly subject: string;
  readonly sid: string;
  readonly scope: string;
  readonly accessExpiresAt: string;
  readonly refreshExpiresAt: string;
  readonly csrfToken: string;
}

/** A cookie-keeping client of one gateway. */
export class BrowserClient {
  readonly cookies: Map<string, string> = new Map();

  constructor(readonly base: string) {}

  /** Sends a request with the kept cookies; redirects are not followed. */
  async fetch(path: string, init: RequestInit & { csrf?: boolean } = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.cookies.size > 0) headers.set("cookie", this.cookieHeader());
    if (init.csrf === true) headers.set("x-csrf-token", this.cookie("csrf") ?? "");
    const response = await fetch(this.base + path, { ...init, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) this.keep(line);
    return response;
  }

  /** Signs in; by default as the demo user. */
  async signIn(username = "demo", password = "postern"): Promise<SessionJson> {
    const response = await this.fetch("/auth/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username, password }),
    });
    assert.equal(response.status, 200, await response.clone().text());
    return await response.json();
  }

  /** A POST with the CSRF header. */
  post(path: string): Promise<Response> {
    return this.fetch(path, { method: "POST", csrf: true });
  }

  /** The value of one of the gateway's cookies, whatever its prefix. */
  cookie(name: "access" | "refresh" | "csrf"): string | undefined {
    return this.cookies.get(`__Host-postern-${name}`) ?? this.cookies.get(`postern-${name}`);
  }

  /** The `Cookie` header as it would be sent. */
  cookieHeader(): string {
    return Array.from(this.cookies, ([name, value]) => `${name}=${value}`).join("; ");
  }

  /** A second client with the same cookies: another tab, or a thief. */
  copy(): BrowserClient {
    const copy = new BrowserClient(this.base);
    for (const [name, value] of this.cookies) copy.cookies.set(name, value);
    return copy;
  }

  private keep(line: string): void {
    const [pair = "", ...attributes] = line.split(";");
    const name = pair.slice(0, pair.indexOf("=")).trim();
    const value = pair.slice(pair.indexOf("=") + 1).trim();
    const expired = attributes.some((attribute) => /^\s*max-age=0$/i.test(attribute));
    if (expired) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}
