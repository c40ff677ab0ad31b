/** Keys that our own script makes: what it gets for them, and what nobody else does. */
import assert from "node:assert/strict";
import { StoreUnavailableError } from "../../../src/base/errors.ts";
import { createMemoryStore } from "../../../src/store/memory/store.ts";
import type { SessionStore } from "../../../src/store/port.ts";
import { es256 } from "../../binding/keys.ts";
import { signed } from "../../support/bound_browser.ts";
import { createTestClock, type TestClock } from "../../support/clock.ts";
import { startGateway, type TestGateway } from "../../support/gateway.ts";
import { ScriptBrowser } from "../../support/script_browser.ts";
import { startUpstream } from "../../support/upstream.ts";

const PAGE = { "sec-fetch-mode": "navigate", accept: "text/html" };

async function onStage(
  act: (gateway: TestGateway) => Promise<void>,
  { config = {}, store, clock }: {
    readonly config?: object;
    readonly store?: SessionStore;
    readonly clock?: TestClock;
  } = {},
): Promise<void> {
  const upstream = startUpstream();
  const gateway = await startGateway({
    upstream: upstream.url,
    ...(store === undefined ? {} : { store }),
    ...(clock === undefined ? {} : { clock }),
    config: { deviceBinding: "offer", ...config },
  });
  try {
    await act(gateway);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

async function bound(gateway: TestGateway): Promise<ScriptBrowser & { readonly sid: string }> {
  const browser = new ScriptBrowser(gateway.url);
  const { sid } = await browser.signIn();
  browser.pair = await es256();
  const response = await browser.prove("/auth/bind");
  assert.equal(response.status, 200, await response.text());
  return Object.assign(browser, { sid });
}

async function codeOf(response: Response): Promise<string> {
  const { code, reason } = await response.json();
  return `${response.status} ${code}${reason === undefined ? "" : `: ${reason}`}`;
}

const told = ({ events }: TestGateway) =>
  events.flatMap(({ event }) =>
    event.event === "binding_failed"
      ? [event.reason]
      : event.event === "session_bound"
      ? [event.event]
      : []
  );

Deno.test("a key is bound once, and every refresh proves it", async () => {
  await onStage(async (gateway) => {
    const browser = new ScriptBrowser(gateway.url);
    const session = await browser.signIn() as { sid: string; bound?: unknown };
    assert.equal(session.bound, null, "it may be bound");
    browser.pair = await es256();
    const response = await browser.prove("/auth/bind");
    const json = await response.json();
    assert.deepEqual([response.status, json.bound, json.sid], [200, "script", session.sid]);
    for (let each = 0; each < 3; each++) {
      const refreshed = await browser.prove("/auth/refresh");
      assert.equal(refreshed.status, 200);
      assert.equal((await refreshed.json()).bound, "script");
    }
    const record = await gateway.store.readSession(session.sid);
    assert.equal(record?.bound?.by, "script");
    // The same key again, as after an answer that was lost; and another one.
    assert.equal((await browser.prove("/auth/bind")).status, 200);
    assert.equal(
      await codeOf(await browser.prove("/auth/bind", await es256())),
      "400 invalid_request",
    );
    assert.deepEqual(told(gateway), ["session_bound", "session_bound", "already"]);
    const access = await browser.fetch("/auth/session");
    assert.equal((await access.json()).bound, "script");
  });
});

Deno.test("without the key nothing is given out or spent, and the owner stays", async () => {
  await onStage(async (gateway) => {
    const owner = await bound(gateway);
    const thief = owner.stolen();
    const other = await bound(gateway);
    const before = await gateway.store.readSession(owner.sid);
    const used = await owner.challenge("/auth/refresh");
    const tries: [string, () => Promise<Response>][] = [
      ["403 binding_required", () => thief.ask("/auth/refresh")],
      [
        "403 binding_required: key_mismatch",
        async () => thief.prove("/auth/refresh", await es256()),
      ],
      [
        "403 binding_required: wrong_type",
        () => thief.prove("/auth/refresh", owner.pair, { header: { typ: "JWT" } }),
      ],
      [
        "403 binding_required: malformed",
        () => thief.ask("/auth/refresh", { "secure-session-response": "x" }),
      ],
      // Challenges of others, and for something else.
      [
        "403 binding_required",
        async () =>
          thief.prove("/auth/refresh", owner.pair, {
            challenge: await other.challenge("/auth/refresh"),
          }),
      ],
      [
        "403 binding_required",
        async () =>
          thief.prove("/auth/refresh", owner.pair, {
            challenge: await owner.challenge("/auth/bind"),
          }),
      ],
      ["403 binding_required", () => thief.prove("/auth/refresh", owner.pair, { challenge: 1 })],
      [
        "403 binding_required",
        () =>
          thief.prove("/auth/refresh", owner.pair, {
            challenge: used.slice(0, -1) + (used.endsWith("A") ? "E" : "A"),
          }),
      ],
    ];
    for (const [expected, act] of tries) {
      const response = await act();
      assert.equal(response.headers.getSetCookie().length, 0);
      assert.equal(await codeOf(response), expected);
    }
    assert.deepEqual(await gateway.store.readSession(owner.sid), before, "nothing is spent");
    // What was seen on the way is spent with the request that it was made for.
    const proof = await signed(owner.pair as CryptoKeyPair, used);
    const headers = { "secure-session-response": proof };
    assert.equal((await owner.ask("/auth/refresh", headers)).status, 200);
    assert.equal(await codeOf(await thief.ask("/auth/refresh", headers)), "403 binding_required");
    assert.equal((await owner.prove("/auth/refresh")).status, 200);
  });
});

Deno.test("a whole request that was seen on its way renews nothing on another instance", async () => {
  const clock = createTestClock();
  const store = createMemoryStore({ clock });
  await onStage(async (one) => {
    const two = await startGateway({
      store,
      clock,
      keys: one.keys,
      config: { origin: one.url, deviceBinding: "offer" },
    });
    try {
      const owner = await bound(one);
      const proof = await signed(
        owner.pair as CryptoKeyPair,
        await owner.challenge("/auth/refresh"),
      );
      const seen = {
        "cookie": owner.cookieHeader(),
        "x-csrf-token": owner.cookie("csrf") ?? "",
        "secure-session-response": proof,
      };
      assert.equal((await owner.ask("/auth/refresh", { ...seen })).status, 200);
      // Within the grace window, in which its refresh token alone would be answered.
      const again = await fetch(`${two.url}/auth/refresh`, { method: "POST", headers: seen });
      assert.deepEqual(again.headers.getSetCookie(), []);
      assert.equal(await codeOf(again), "403 binding_required");
      assert.equal((await owner.prove("/auth/refresh")).status, 200);
    } finally {
      await two.stop();
    }
  }, { store, clock });
  await store.close();
});

Deno.test("a script of another site binds nothing, and neither does whoever lacks the CSRF token", async () => {
  await onStage(async (gateway) => {
    const browser = new ScriptBrowser(gateway.url);
    const { sid } = await browser.signIn();
    const pair = await es256();
    const proof = await signed(pair, await browser.challenge("/auth/bind"));
    const post = (headers: Record<string, string>, csrf = true) =>
      browser.fetch("/auth/bind", {
        method: "POST",
        csrf,
        headers: { "secure-session-response": proof, ...headers },
      });
    assert.equal(await codeOf(await post({}, false)), "403 csrf_failed");
    assert.equal(await codeOf(await post({ origin: "https://evil.example" })), "403 csrf_failed");
    assert.equal(await codeOf(await post({ "sec-fetch-site": "cross-site" })), "403 csrf_failed");
    const bare = new ScriptBrowser(gateway.url);
    assert.equal(await codeOf(await bare.ask("/auth/bind")), "401 refresh_missing");
    assert.equal((await gateway.store.readSession(sid))?.bound, null);
    const old = new ScriptBrowser(gateway.url);
    for (const [name, value] of browser.cookies) old.cookies.set(name, value);
    assert.equal((await browser.ask("/auth/refresh")).status, 200);
    // Copied before, and spent since: it locks nobody out.
    assert.equal(await codeOf(await old.prove("/auth/bind", await es256())), "401 refresh_invalid");
    assert.equal((await browser.prove("/auth/bind", pair)).status, 200);
    const wrong = await browser.fetch("/auth/bind");
    assert.deepEqual([wrong.status, wrong.headers.get("allow")], [405, "POST"]);
    await wrong.body?.cancel();
  });
});

Deno.test("when its access token has ended, pages go by way of the proof, and APIs hear 401", async () => {
  await onStage(async (gateway) => {
    const browser = await bound(gateway);
    gateway.clock.advance(31 * 60_000);
    const toSignIn = async (path: string) => {
      const response = await browser.fetch(path, { headers: PAGE });
      await response.body?.cancel();
      return response.headers.get("location");
    };
    assert.match(await toSignIn("/transparent/x?a=b") ?? "", /^\/auth\/login\?return_to=/);
    assert.equal(
      await toSignIn("/auth/login?return_to=%2Ftransparent%2Fx%3Fa%3Db&reason=expired"),
      "/auth/renew?return_to=%2Ftransparent%2Fx%3Fa%3Db",
    );
    assert.equal(
      await toSignIn("/auth/login?return_to=%2F%2Fevil.example"),
      "/auth/renew?return_to=%2F",
    );
    const page = await browser.fetch("/auth/renew?return_to=%2F%2Fevil.example%22%3E", {
      headers: PAGE,
    });
    const text = await page.text();
    assert.match(page.headers.get("content-security-policy") ?? "", /script-src 'nonce-[^']+';/);
    assert.match(text, /data-return-to="\/"/);
    assert.ok(!text.includes("evil"));
    // Never in a circle: with this word the sign-in page is a sign-in page.
    const [, signIn = ""] = /data-sign-in="([^"]+)"/.exec(text) ?? [];
    const form = await browser.fetch(signIn.replaceAll("&amp;", "&"), { headers: PAGE });
    assert.equal(form.status, 200);
    assert.match(await form.text(), /name="password"/);
    assert.equal(await codeOf(await browser.fetch("/transparent/x")), "401 token_expired");
    assert.deepEqual(told(gateway), ["session_bound"], "none of it is an attempt");
    assert.equal((await browser.prove("/auth/refresh")).status, 200);
    assert.equal((await browser.fetch("/transparent/x")).status, 200);
  });
});

Deno.test("bound in an outage: the key opens the session that was bound by a lost answer", async () => {
  const kept = createMemoryStore();
  let isOut = false;
  const store = new Proxy(kept, {
    get: (target, name: keyof SessionStore) =>
      name === "rotate"
        ? (rotation: never) =>
          isOut ? Promise.reject(new StoreUnavailableError("out")) : target.rotate(rotation)
        : target[name],
  });
  await onStage(async (gateway) => {
    const browser = new ScriptBrowser(gateway.url);
    await browser.signIn();
    browser.pair = await es256();
    const challenge = await browser.challenge("/auth/bind");
    isOut = true;
    const lost = await browser.prove("/auth/bind", browser.pair, { challenge });
    assert.equal(await codeOf(lost), "503 store_unavailable");
    isOut = false;
    // Its tokens say nothing of the key: it is the store that asks for it.
    assert.equal((await browser.prove("/auth/refresh")).status, 200);
    const stranger = await browser.stolen().prove("/auth/refresh", await es256());
    assert.equal(await codeOf(stranger), "403 binding_required: key_mismatch");
  }, { store });
  await kept.close();
});

Deno.test("switched off there is no such endpoint, page or word", async () => {
  await onStage(async (gateway) => {
    const browser = new ScriptBrowser(gateway.url);
    const session = await browser.signIn();
    assert.equal("bound" in session, false);
    assert.equal(await codeOf(await browser.ask("/auth/bind")), "404 not_found");
    assert.equal(await codeOf(await browser.fetch("/auth/renew")), "404 not_found");
    const response = await browser.ask("/auth/refresh", { "secure-session-response": "x" });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("secure-session-challenge"), null);
  }, { config: { deviceBinding: "off" } });
});
