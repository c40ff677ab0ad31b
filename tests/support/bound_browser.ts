/**
 * A browser that binds its session as Chromium does (DBSC), over plain `fetch`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { es256, handmade } from "../binding/keys.ts";
import { BrowserClient } from "./browser_client.ts";

/** What a browser is told of its session. */
export interface Instructions {
  readonly session_identifier: string;
  readonly refresh_url: string;
  readonly scope: {
    readonly origin: string;
    readonly include_site: boolean;
    readonly scope_specification: readonly { type: string; domain: string; path: string }[];
  };
  readonly credentials: readonly { type: string; name: string; attributes: string }[];
}

/** What a test does otherwise than a browser. */
export interface Otherwise {
  readonly pair?: CryptoKeyPair;
  readonly challenge?: string;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The whole proof. */
  readonly proof?: string;
}

/** A client with a key; it follows the headers of every answer that it sees. */
export class BoundBrowser extends BrowserClient {
  pair: CryptoKeyPair | null = null;
  identifier: string | null = null;
  /** The next challenge of a refresh. */
  challenge: string | null = null;
  /** The offer that came last. */
  offer: { readonly path: string; readonly challenge: string } | null = null;

  override async fetch(path: string, init: RequestInit & { csrf?: boolean } = {}) {
    const response = await super.fetch(path, init);
    const offered = response.headers.get("secure-session-registration");
    const [, to, challenge] = /^\(ES256 RS256\);path="([^"]+)";challenge="([^"]+)"$/
      .exec(offered ?? "") ?? [];
    assert.equal(offered === null, to === undefined, offered ?? "");
    if (to !== undefined && challenge !== undefined) this.offer = { path: to, challenge };
    return response;
  }

  /** As a browser asks: no script, no CSRF header. */
  ask(path: string, headers: Readonly<Record<string, string>>): Promise<Response> {
    return this.fetch(path, {
      method: "POST",
      headers: {
        origin: this.base,
        "sec-fetch-site": "same-origin",
        "sec-fetch-mode": "no-cors",
        ...headers,
      },
    });
  }

  /** Answers the offer that came last. */
  async register(otherwise: Otherwise = {}): Promise<Response> {
    const pair = otherwise.pair ?? (this.pair ??= await es256());
    assert.ok(this.offer !== null, "nothing was offered");
    const proof = otherwise.proof ??
      await signed(pair, otherwise.challenge ?? this.offer.challenge, otherwise.header ?? {});
    const response = await this.ask(this.offer.path, {
      "secure-session-response": proof,
      ...otherwise.headers,
    });
    return await this.#noted(response);
  }

  /** Renews the session; signs the challenge that it is asked for, once. */
  async renew(otherwise: Otherwise = {}): Promise<Response> {
    const response = await this.renewOnce(otherwise);
    if (response.status !== 403 || !response.headers.has("secure-session-challenge")) {
      return response;
    }
    await response.body?.cancel();
    return await this.renewOnce(otherwise);
  }

  /** One request of a renewal, with a proof where there is a challenge. */
  async renewOnce(otherwise: Otherwise = {}): Promise<Response> {
    const pair = otherwise.pair ?? this.pair;
    const challenge = otherwise.challenge ?? this.challenge;
    const proof = otherwise.proof ??
      (pair === null || challenge === null
        ? null
        : await signed(pair, challenge, { jwk: undefined, ...otherwise.header }));
    const response = await this.ask("/auth/dbsc/refresh", {
      "sec-secure-session-id": this.identifier ?? "",
      ...(proof === null ? {} : { "secure-session-response": proof }),
      ...otherwise.headers,
    });
    return await this.#noted(response);
  }

  async #noted(response: Response): Promise<Response> {
    const challenge = /^"([^"]+)"/.exec(response.headers.get("secure-session-challenge") ?? "");
    if (challenge?.[1] !== undefined) this.challenge = challenge[1];
    if (response.status === 200) {
      const told: Partial<Instructions> = await response.clone().json();
      if (told.session_identifier !== undefined) this.identifier = told.session_identifier;
    }
    return response;
  }

  /** All that can be copied out of a browser: cookies, and what is seen on the wire; no key. */
  stolen(): BoundBrowser {
    const copy = new BoundBrowser(this.base);
    for (const [name, value] of this.cookies) copy.cookies.set(name, value);
    copy.identifier = this.identifier;
    copy.challenge = this.challenge;
    copy.offer = this.offer;
    return copy;
  }
}

/** A proof as Chromium signs it; with `jwk: undefined` in its header it carries no key. */
export function signed(
  pair: CryptoKeyPair,
  challenge: unknown,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  return handmade(pair, { header: { typ: "dbsc+jwt", ...header }, payload: { jti: challenge } });
}
