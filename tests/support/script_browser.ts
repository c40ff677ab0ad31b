/**
 * A browser that binds its session by our own script (`client.js`), over plain `fetch`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { signed } from "./bound_browser.ts";
import { BrowserClient } from "./browser_client.ts";

/** A browser with our script in its page. */
export class ScriptBrowser extends BrowserClient {
  pair: CryptoKeyPair | null = null;

  /** As the script asks: with the CSRF header. */
  ask(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.fetch(path, {
      method: "POST",
      csrf: true,
      headers: { origin: this.base, "sec-fetch-site": "same-origin", ...headers },
    });
  }

  /** The challenge that a request without a proof is answered with. */
  async challenge(path: string): Promise<string> {
    const response = await this.ask(path);
    assert.equal(response.status, 403, await response.clone().text());
    await response.body?.cancel();
    const [, challenge] = /^"([^"]+)"$/
      .exec(response.headers.get("secure-session-challenge") ?? "") ?? [];
    assert.ok(challenge !== undefined, "there is a challenge");
    return challenge;
  }

  /** Proves a key, by default its own. */
  async prove(
    path: string,
    pair: CryptoKeyPair | null = this.pair,
    more: { readonly challenge?: unknown; readonly header?: Record<string, unknown> } = {},
  ): Promise<Response> {
    assert.ok(pair !== null);
    const challenge = more.challenge ?? await this.challenge(path);
    return await this.ask(path, {
      "secure-session-response": await signed(pair, challenge, more.header),
    });
  }

  /** Cookies, without the key. */
  stolen(): ScriptBrowser {
    const copy = new ScriptBrowser(this.base);
    for (const [name, value] of this.cookies) copy.cookies.set(name, value);
    return copy;
  }
}
