/**
 * How browsers' sessions end, and what else ends with them.
 */
import assert from "node:assert/strict";
import { StoreUnavailableError } from "../../src/base/errors.ts";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import type { SessionStore } from "../../src/store/port.ts";
import { generateKeySet, importKeyRing } from "../../src/tokens/key_ring.ts";
import { BrowserClient } from "../support/browser_client.ts";
import { createTestClock } from "../support/clock.ts";
import { startGateway } from "../support/gateway.ts";

/** A store that can be taken away. */
function fragileStore(): { readonly store: SessionStore; isDown: boolean } {
  const clock = createTestClock();
  const state = { isDown: false };
  const store = new Proxy(createMemoryStore({ clock }), {
    get(target, name: keyof SessionStore) {
      const operation: unknown = target[name];
      if (typeof operation !== "function") return operation;
      return (...args: never[]) => {
        if (state.isDown && name !== "close") throw new StoreUnavailableError("unplugged");
        return (operation as (...args: never[]) => unknown)(...args);
      };
    },
  });
  return Object.assign(state, { store });
}

const cleared = (response: Response) =>
  response.headers.getSetCookie().filter((cookie) => cookie.includes("Max-Age=0")).length;

Deno.test("a refresh token of a key that is not known here stays in the browser", async () => {
  const own = await startGateway();
  const other = await startGateway({
    keys: await importKeyRing(JSON.stringify(await generateKeySet())),
  });
  try {
    const client = new BrowserClient(own.url);
    await client.signIn();
    const elsewhere = new BrowserClient(other.url);
    for (const [name, value] of client.cookies) elsewhere.cookies.set(name, value);
    const refused = await elsewhere.post("/auth/refresh");
    assert.equal(refused.status, 401);
    assert.equal((await refused.json()).code, "unknown_key");
    assert.deepEqual(refused.headers.getSetCookie(), []);
    const page = await elsewhere.fetch("/auth/login", { headers: { accept: "text/html" } });
    assert.deepEqual(page.headers.getSetCookie(), []);
    await page.body?.cancel();
    const refreshed = await client.post("/auth/refresh");
    assert.equal(refreshed.status, 200, "where the key is known the session goes on");
    await refreshed.body?.cancel();
  } finally {
    await own.stop();
    await other.stop();
  }
});

Deno.test("signing out clears the cookies also when the store can not be told, and says so", async () => {
  for (const path of ["/auth/logout", "/auth/logout/all"]) {
    const fragile = fragileStore();
    const gateway = await startGateway({ store: fragile.store });
    try {
      const client = new BrowserClient(gateway.url);
      await client.signIn();
      fragile.isDown = true;
      const forged = await client.fetch(path, { method: "POST" });
      assert.equal(forged.status, 403, "nobody else may sign them out");
      assert.equal(cleared(forged), 0);
      await forged.body?.cancel();
      const answer = await client.post(path);
      assert.equal(answer.status, 503);
      assert.ok(answer.headers.has("retry-after"));
      const { code, detail } = await answer.json();
      assert.equal(code, "store_unavailable");
      assert.match(detail, /signed out in this browser, but/);
      assert.equal(cleared(answer), 3);
      assert.equal(client.cookies.size, 0);
    } finally {
      await gateway.stop();
    }
  }
});

Deno.test("the account page signs a browser out also when the store can not be told", async () => {
  const fragile = fragileStore();
  const gateway = await startGateway({ store: fragile.store });
  try {
    const client = new BrowserClient(gateway.url);
    const { csrfToken } = await client.signIn();
    fragile.isDown = true;
    const post = (token: string) =>
      client.fetch("/auth/account/sign-out", {
        method: "POST",
        headers: { accept: "text/html" },
        body: new URLSearchParams({ csrf_token: token }),
      });
    const forged = await post("v1.no");
    assert.equal(forged.status, 403);
    assert.equal(cleared(forged), 0);
    await forged.body?.cancel();
    const answer = await post(csrfToken);
    assert.equal(answer.status, 503);
    assert.match(answer.headers.get("content-type") ?? "", /^text\/html/);
    assert.match(await answer.text(), /signed out in this browser, but/);
    assert.equal(cleared(answer), 3);
  } finally {
    await gateway.stop();
  }
});

Deno.test("signing in anew ends the session that the browser had before", async () => {
  const gateway = await startGateway();
  try {
    const client = new BrowserClient(gateway.url);
    const first = await client.signIn();
    const thief = client.copy();
    const second = await client.signIn();
    assert.notEqual(second.sid, first.sid);
    const stolen = await thief.fetch("/auth/session");
    assert.equal(stolen.status, 401);
    assert.equal((await stolen.json()).code, "session_revoked");
    const own = await client.fetch("/auth/session");
    assert.equal(own.status, 200);
    await own.body?.cancel();
    const revoked = gateway.events.filter(({ event }) => event.event === "session_revoked");
    assert.equal(revoked.length, 1);
  } finally {
    await gateway.stop();
  }
});
