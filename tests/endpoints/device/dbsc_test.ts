/** The endpoints of DBSC: what a browser gets there, and what nobody else does. */
import assert from "node:assert/strict";
import { calculateJwkThumbprint, exportJWK } from "jose";
import { StoreUnavailableError } from "../../../src/base/errors.ts";
import { createMemoryStore } from "../../../src/store/memory/store.ts";
import type { SessionStore } from "../../../src/store/port.ts";
import { sessionIdentifier } from "../../../src/binding/device.ts";
import type { PublicJwk } from "../../../src/binding/public_key.ts";
import { es256 } from "../../binding/keys.ts";
import { BoundBrowser, type Instructions, signed } from "../../support/bound_browser.ts";
import { BrowserClient } from "../../support/browser_client.ts";
import { startGateway, type TestGateway } from "../../support/gateway.ts";
import { startUpstream } from "../../support/upstream.ts";

const PAGE = { "sec-fetch-mode": "navigate", accept: "text/html" };
const ACCESS_SECONDS = 600;

async function onStage(
  act: (gateway: TestGateway) => Promise<void>,
  config: object = {},
  store?: SessionStore,
): Promise<void> {
  const upstream = startUpstream();
  const gateway = await startGateway({
    upstream: upstream.url,
    ...(store === undefined ? {} : { store }),
    config: { deviceBinding: "offer", tokens: { accessTtl: `${ACCESS_SECONDS}s` }, ...config },
  });
  try {
    await act(gateway);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

/** A browser that is signed in and bound. */
async function bound(gateway: TestGateway): Promise<BoundBrowser & { readonly sid: string }> {
  const browser = new BoundBrowser(gateway.url);
  const { sid } = await browser.signIn();
  const response = await browser.register();
  assert.equal(response.status, 200, await response.text());
  browser.offer = null;
  return Object.assign(browser, { sid });
}

async function codeOf(response: Response): Promise<string> {
  return `${response.status} ${(await response.json()).code}`;
}

async function partsOf(pair: CryptoKeyPair): Promise<{ jwk: PublicJwk; jkt: string }> {
  const { kty, crv, x, y } = await exportJWK(pair.publicKey);
  const jwk = { kty, crv, x, y } as PublicJwk;
  return { jwk, jkt: await calculateJwkThumbprint({ ...jwk }) };
}

const reasons = ({ events }: TestGateway) =>
  events.flatMap(({ event }) => event.event === "binding_failed" ? [event.reason] : []);

Deno.test("a browser registers a key, is told how to renew, and gets a cookie that ends with its token", async () => {
  await onStage(async (gateway) => {
    const browser = new BoundBrowser(gateway.url);
    const { sid } = await browser.signIn();
    const response = await browser.register();
    assert.equal(response.status, 200);
    const told: Instructions = await response.json();
    const { hostname } = new URL(gateway.url);
    assert.deepEqual(told, {
      session_identifier: browser.identifier,
      refresh_url: "/auth/dbsc/refresh",
      scope: {
        origin: gateway.url,
        include_site: false,
        scope_specification: [
          { type: "exclude", domain: hostname, path: "/public" },
          { type: "exclude", domain: hostname, path: "/auth/dbsc" },
        ],
      },
      credentials: [{
        type: "cookie",
        name: "postern-access",
        attributes: "Path=/; HttpOnly; SameSite=Lax",
      }],
    });
    const [access = "", refresh = ""] = response.headers.getSetCookie();
    assert.match(access, /^postern-access=/);
    const ageOf = (line: string) => Number(/Max-Age=(\d+)/.exec(line)?.[1]);
    assert.ok(ageOf(access) <= ACCESS_SECONDS && ageOf(access) > ACCESS_SECONDS - 60);
    assert.ok(ageOf(refresh) > 86_400);
    const { jkt } = await partsOf(browser.pair ?? await es256());
    assert.deepEqual((await gateway.store.readSession(sid))?.bound, { jkt, by: "dbsc" });
    const events = gateway.events.map(({ event }) => event.event);
    assert.deepEqual(events, ["sign_in", "session_bound", "refresh"]);

    // The challenge of the first answer is good for the next refresh: no 403 in between.
    for (let each = 0; each < 3; each++) {
      gateway.clock.advance((ACCESS_SECONDS + 60) * 1000);
      browser.cookies.delete("postern-access");
      const renewed = await browser.renewOnce();
      assert.equal(renewed.status, 200, await renewed.text());
      const page = await browser.fetch("/things", { headers: PAGE });
      assert.equal(page.status, 200);
      await page.body?.cancel();
    }
    assert.equal(browser.offer?.path, "/auth/dbsc/register");
    const { events: seen } = gateway;
    assert.equal(seen.filter(({ event }) => event.event === "binding_failed").length, 0);
  });
});

Deno.test("offers come with cookies, and with pages of sessions that are still unbound", async () => {
  await onStage(async (gateway) => {
    const browser = new BoundBrowser(gateway.url);
    await browser.signIn();
    assert.ok(browser.offer !== null, "at sign-in");
    const page = async (path: string, headers: Record<string, string> = PAGE) => {
      browser.offer = null;
      const response = await browser.fetch(path, { headers });
      await response.body?.cancel();
      const isOffered = browser.offer !== null;
      return { isOffered, cacheControl: response.headers.get("cache-control") };
    };
    assert.equal((await page("/things")).isOffered, false, "the browser is at it");
    gateway.clock.advance(11_000);
    const { isOffered, cacheControl } = await page("/things");
    assert.deepEqual([isOffered, cacheControl], [true, "private, no-cache"]);
    assert.equal((await page("/public/x")).isOffered, false);
    assert.equal((await page("/things", {})).isOffered, false, "asked by a script");
    browser.offer = null;
    await (await browser.post("/auth/refresh")).body?.cancel();
    assert.ok(browser.offer !== null, "with each renewal");
    browser.cookies.delete("postern-access");
    browser.offer = null;
    await (await browser.fetch("/transparent/x")).body?.cancel();
    assert.ok(browser.offer !== null, "and in passing");
    assert.equal((await browser.register()).status, 200);
    gateway.clock.advance(60_000);
    assert.equal((await page("/things")).isOffered, false, "bound");
  });
});

Deno.test("a form, too, is answered with an offer", async () => {
  await onStage(async (gateway) => {
    const browser = new BoundBrowser(gateway.url);
    const response = await browser.fetch("/auth/login", {
      method: "POST",
      headers: {
        ...PAGE,
        origin: gateway.url,
        "sec-fetch-site": "same-origin",
        "content-type": "application/x-www-form-urlencoded",
      },
      body: "username=demo&password=postern&return_to=/things",
    });
    assert.equal(response.status, 303);
    assert.equal((await browser.register()).status, 200);
  });
});

Deno.test("nobody registers a key for another's session, or twice, or with a proof of nothing", async () => {
  await onStage(async (gateway) => {
    const [browser, other] = [new BoundBrowser(gateway.url), new BoundBrowser(gateway.url)];
    await browser.signIn();
    await other.signIn();
    const before = { offer: browser.offer, cookies: browser.cookieHeader() };
    const pair = await es256();
    const { jwk } = await partsOf(pair);
    const refusals: readonly (readonly [string, Promise<Response>])[] = [
      ["403 binding_required", browser.register({ challenge: other.offer?.challenge ?? "" })],
      ["403 binding_required", browser.register({ challenge: "" })],
      ["400 invalid_request", browser.register({ challenge: "x".repeat(3_000) })],
      ["400 invalid_request", browser.register({ proof: "a.b.c" })],
      ["400 invalid_request", browser.register({ proof: "x".repeat(9_000) })],
      ["400 invalid_request", browser.register({ header: { alg: "none" } })],
      ["400 invalid_request", browser.register({ header: { alg: "HS256" } })],
      ["400 invalid_request", browser.register({ header: { alg: "RS256" } })],
      ["400 invalid_request", browser.register({ header: { typ: "dpop+jwt" } })],
      ["400 invalid_request", browser.register({ header: { jwk: undefined } })],
      ["400 invalid_request", browser.register({ header: { jwk: { ...jwk, d: "AAAA" } } })],
      ["400 invalid_request", browser.register({ header: { jwk } })],
      [
        "400 invalid_request",
        browser.register({ header: { jwk: { kty: "oct", k: "c2VjcmV0" }, alg: "HS256" } }),
      ],
      ["403 csrf_failed", browser.register({ headers: { origin: "https://evil.example" } })],
      ["403 csrf_failed", browser.register({ headers: { "sec-fetch-site": "same-site" } })],
      ["403 csrf_failed", browser.register({ headers: { "sec-fetch-site": "cross-site" } })],
    ];
    for (const [expected, answer] of refusals) assert.equal(await codeOf(await answer), expected);
    assert.equal(browser.cookieHeader(), before.cookies);
    const nobody = new BoundBrowser(gateway.url);
    nobody.offer = before.offer;
    assert.equal(await codeOf(await nobody.register()), "401 refresh_missing");
    nobody.cookies.set("postern-refresh", browser.cookie("access") ?? "");
    assert.equal(await codeOf(await nobody.register()), "401 refresh_invalid");
    // Whoever does it right comes first, once.
    browser.offer = before.offer;
    const first = browser.stolen();
    assert.equal((await browser.register()).status, 200);
    assert.equal(await codeOf(await first.register({ pair })), "401 refresh_invalid");
    assert.equal((await browser.register({ challenge: browser.challenge ?? "" })).status, 403);
    const second = browser.stolen();
    const again = await second.register({ pair, challenge: "?" });
    assert.equal(await codeOf(again), "403 binding_required");
    const challenge = /^"([^"]+)"/.exec(again.headers.get("secure-session-challenge") ?? "")?.[1];
    const late = await second.register({ pair, challenge: challenge ?? "" });
    assert.equal(await codeOf(late), "400 invalid_request");
    assert.equal(reasons(gateway).at(-1), "already");
    assert.equal((await browser.renew()).status, 200);
  });
});

Deno.test("nobody binds a session with a token that is spent, or has expired", async () => {
  await onStage(async (gateway) => {
    const owner = new BoundBrowser(gateway.url);
    const { sid } = await owner.signIn();
    const copied = owner.stolen();
    for (let each = 0; each < 2; each++) await (await owner.post("/auth/refresh")).body?.cancel();
    assert.equal(await codeOf(await copied.register()), "401 refresh_invalid");
    copied.identifier = sessionIdentifier(sid, (await partsOf(copied.pair ?? await es256())).jwk);
    gateway.clock.advance(60_000);
    const late = await copied.renew();
    assert.equal(await codeOf(late), "401 refresh_reused", "as ever");
    const other = new BoundBrowser(gateway.url);
    const { sid: second } = await other.signIn();
    const early = other.stolen();
    gateway.clock.advance(29 * 86_400_000);
    await (await other.post("/auth/refresh")).body?.cancel();
    gateway.clock.advance(2 * 86_400_000);
    assert.equal(await codeOf(await early.register()), "401 refresh_expired");
    assert.equal((await gateway.store.readSession(second))?.bound, null);
  });
});

Deno.test("a refresh takes the session's own key and a challenge of now", async () => {
  await onStage(async (gateway) => {
    const browser = await bound(gateway);
    const other = await bound(gateway);
    const thief = await es256();
    const stolen = browser.stolen();
    const challenge = browser.challenge ?? "";
    const before = await gateway.store.readSession(browser.sid);
    const asThief = sessionIdentifier(browser.sid, (await partsOf(thief)).jwk);
    const own = { pair: browser.pair ?? thief };
    const id = (value: string) => ({ headers: { "sec-secure-session-id": value } });
    const refusals: readonly (readonly [string, Promise<Response>])[] = [
      ["403 binding_required", stolen.renewOnce()],
      ["400 invalid_request", stolen.renewOnce({ pair: thief })],
      ["400 invalid_request", stolen.renewOnce({ pair: thief, ...id(asThief) })],
      ["403 binding_required", stolen.renewOnce({ ...own, challenge: other.challenge ?? "" })],
      ["403 binding_required", stolen.renewOnce({ ...own, challenge: "1" })],
      ["400 invalid_request", stolen.renewOnce({ ...own, challenge, header: { alg: "none" } })],
      [
        "400 invalid_request",
        stolen.renewOnce({
          pair: thief,
          challenge,
          header: { jwk: (await partsOf(thief)).jwk },
        }),
      ],
      [
        "403 csrf_failed",
        stolen.renewOnce({ ...own, headers: { origin: "https://evil.example" } }),
      ],
    ];
    for (const [expected, answer] of refusals) assert.equal(await codeOf(await answer), expected);
    // Of another session: that browser session is over, and this one is left alone.
    for (const named of [other.identifier ?? "", "", "x", "x".repeat(5_000)]) {
      const over = await stolen.renewOnce({ ...own, challenge, ...id(named) });
      assert.deepEqual([over.status, await over.json()], [200, { continue: false }]);
      assert.deepEqual(over.headers.getSetCookie(), []);
    }
    assert.deepEqual(await gateway.store.readSession(browser.sid), before, "nothing was spent");
    assert.equal((await browser.renewOnce()).status, 200);
  });
});

Deno.test("a proof that was seen on its way is worth nothing again", async () => {
  await onStage(async (gateway) => {
    const browser = await bound(gateway);
    const wire = browser.stolen();
    assert.ok(browser.pair !== null && browser.challenge !== null);
    const proof = await signed(browser.pair, browser.challenge, { jwk: undefined });
    assert.equal((await browser.renewOnce({ proof })).status, 200);
    for (let each = 0; each < 2; each++) {
      // With the cookies of the same request: within the grace window they would be answered.
      assert.equal(await codeOf(await wire.renewOnce({ proof })), "403 binding_required");
    }
    // Nor with the cookies that came back.
    assert.equal(
      await codeOf(await browser.stolen().renewOnce({ proof })),
      "403 binding_required",
    );
  });
});

Deno.test("an answer that was lost is asked for again: with a new challenge, the same successor", async () => {
  await onStage(async (gateway) => {
    const browser = await bound(gateway);
    const lost = Object.assign(browser.stolen(), { pair: browser.pair });
    assert.equal((await lost.renewOnce()).status, 200);
    gateway.clock.advance(60_000);
    assert.equal((await browser.renew()).status, 200);
    assert.equal(browser.cookie("refresh"), lost.cookie("refresh"));
    assert.equal((await gateway.store.readSession(browser.sid))?.sid, browser.sid);
  });
});

Deno.test("so is a registration, by the same key alone", async () => {
  await onStage(async (gateway) => {
    const browser = new BoundBrowser(gateway.url);
    const { sid } = await browser.signIn();
    const lost = browser.stolen();
    assert.equal((await lost.register()).status, 200);
    gateway.clock.advance(60_000);
    const thief = browser.stolen();
    assert.equal(await codeOf(await thief.register()), "401 refresh_invalid");
    browser.pair = lost.pair;
    assert.equal(await codeOf(await browser.register()), "403 binding_required", "a new challenge");
    const again = await browser.register({ challenge: browser.challenge ?? "" });
    assert.equal(again.status, 200);
    assert.equal(browser.cookie("refresh"), lost.cookie("refresh"));
    assert.equal((await browser.renew()).status, 200);
    assert.equal((await gateway.store.readSession(sid))?.sid, sid);
  });
});

Deno.test("thief and owner renew at once, from ten tabs: only the owner's go on", async () => {
  await onStage(async (gateway) => {
    const browser = await bound(gateway);
    const thief = Object.assign(browser.stolen(), { pair: await es256() });
    const tabs = Array.from(
      { length: 10 },
      () => Object.assign(browser.stolen(), { pair: browser.pair, challenge: null }),
    );
    const [theirs, ours] = await Promise.all([
      Promise.all([
        thief.renew(),
        thief.post("/auth/refresh"),
        thief.fetch("/transparent/x", { headers: PAGE }),
        thief.fetch("/api/token/refresh/", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ refresh: thief.cookie("refresh") }),
        }),
      ]),
      Promise.all(tabs.map((tab) => tab.renew())),
    ]);
    assert.deepEqual(theirs.map(({ status }) => status), [400, 403, 200, 403]);
    assert.deepEqual(ours.map(({ status }) => status), Array(10).fill(200));
    assert.equal(new Set(tabs.map((tab) => tab.cookie("refresh"))).size, 1, "one successor");
    gateway.clock.advance((ACCESS_SECONDS + 60) * 1000);
    const dead = await thief.fetch("/transparent/x");
    assert.equal(await codeOf(dead), "403 binding_required");
    assert.equal((await (tabs[0] ?? browser).renew()).status, 200);
  });
});

Deno.test("a browser whose session is over ends its binding, and is not kept waiting", async () => {
  await onStage(async (gateway) => {
    const browser = await bound(gateway);
    await (await browser.post("/auth/logout")).body?.cancel();
    assert.equal(await codeOf(await browser.renewOnce()), "401 refresh_missing");
    const ended = await bound(gateway);
    const kept = ended.cookieHeader();
    await gateway.store.revokeSession({ sid: ended.sid, denyForMs: 60_000, mustExist: true });
    const answer = await ended.renewOnce();
    assert.equal(await codeOf(answer), "401 session_revoked");
    assert.notEqual(ended.cookieHeader(), kept, "cookies of no use go");
    // Signed in anew as somebody else: the old binding ends, the new session is left alone.
    const again = await bound(gateway);
    const old = { id: again.identifier ?? "", pair: again.pair ?? await es256() };
    await again.signIn();
    again.identifier = old.id;
    const told = await again.renewOnce({ pair: old.pair });
    assert.deepEqual([told.status, await told.json()], [200, { continue: false }]);
    assert.equal((await again.fetch("/things")).status, 200);
  });
});

Deno.test("a browser that could not renew its session in time is told to come back, not to sign in", async () => {
  await onStage(async (gateway) => {
    const browser = await bound(gateway);
    browser.cookies.delete("postern-access");
    const skipped = { "secure-session-skipped": 'server_error;session_identifier="x"' };
    for (const path of ["/things", "/transparent/x"]) {
      const late = await browser.fetch(path, { headers: skipped });
      assert.ok(late.headers.has("retry-after"));
      assert.equal(await codeOf(late), "503 store_unavailable");
    }
    const page = await browser.fetch("/things", { headers: { ...PAGE, ...skipped } });
    assert.equal(page.headers.get("location"), "/auth/login?return_to=%2Fthings");
    const shown = await browser.fetch("/auth/login?return_to=/things", {
      headers: { ...PAGE, ...skipped },
    });
    assert.equal(shown.status, 503);
    assert.match(await shown.text(), /not possible at the moment/);
    const plain = await browser.fetch("/auth/login?return_to=/things", { headers: PAGE });
    assert.equal(plain.status, 200);
    assert.match(await plain.text(), /session has expired/);
    assert.equal((await browser.renew()).status, 200);
    const led = await browser.fetch("/auth/login?return_to=/things", { headers: PAGE });
    assert.equal(led.headers.get("location"), "/things");
  });
});

Deno.test("an access cookie that was left behind is taken away, so that the browser renews the session", async () => {
  await onStage(async (gateway) => {
    const browser = await bound(gateway);
    const old = browser.cookie("access") ?? "";
    gateway.clock.advance((ACCESS_SECONDS + 60) * 1000);
    const leave = () => browser.cookies.set("postern-access", old);
    leave();
    const page = await browser.fetch("/things", { headers: PAGE });
    const login = page.headers.get("location") ?? "";
    assert.match(login, /^\/auth\/login\?return_to=%2Fthings/);
    const again = await browser.fetch(login, { headers: PAGE });
    const next = again.headers.get("location") ?? "";
    assert.deepEqual([again.status, next], [303, "/auth/login?return_to=%2Fthings&again="]);
    assert.equal(browser.cookie("access"), undefined);
    leave();
    const stuck = await browser.fetch(next, { headers: PAGE });
    assert.equal(stuck.status, 200, "no circle, where the cookie comes back each time");
    assert.ok(browser.cookie("refresh") !== undefined);
    // Here a browser renews the session before it goes on.
    const asked = await browser.fetch(next, { headers: PAGE });
    assert.equal(asked.status, 200, "one without the key signs in, and is not sent in a circle");
    assert.equal((await browser.renew()).status, 200);
    const back = await browser.fetch(next, { headers: PAGE });
    assert.equal(back.headers.get("location"), "/things");
    for (
      const ask of [
        () => browser.post("/auth/refresh"),
        () => browser.fetch("/transparent/x"),
        () => browser.fetch("/auth/account", { headers: PAGE }),
      ]
    ) {
      gateway.clock.advance((ACCESS_SECONDS + 60) * 1000);
      leave();
      await (await ask()).body?.cancel();
      assert.equal(browser.cookie("access"), undefined);
      assert.equal((await browser.renew()).status, 200);
    }
  });
});

Deno.test("a registration in an outage keeps the key, and the first renewal binds the session to it", async () => {
  const kept = createMemoryStore();
  let isOut = false;
  const store: SessionStore = {
    ...kept,
    bind: (sid, key) =>
      isOut ? Promise.reject(new StoreUnavailableError("out")) : kept.bind(sid, key),
  };
  await onStage(
    async (gateway) => {
      const browser = new BoundBrowser(gateway.url);
      const { sid } = await browser.signIn();
      isOut = true;
      const answer = await browser.register();
      assert.equal(answer.status, 200);
      const [access = "", ...others] = answer.headers.getSetCookie();
      assert.deepEqual(others, []);
      assert.match(
        access,
        new RegExp(`^postern-access=${browser.cookie("access")}; Max-Age=\\d{3};`),
      );
      assert.equal((await kept.readSession(sid))?.bound, null);
      assert.equal((await browser.renewOnce()).status, 503, "still out");
      isOut = false;
      assert.equal((await browser.renew()).status, 200);
      assert.equal((await kept.readSession(sid))?.bound?.by, "dbsc");
      assert.equal((await browser.renewOnce()).status, 200);
      assert.equal(gateway.events.filter(({ event }) => event.event === "session_bound").length, 1);
      // By another key in between: this one's registration has come to nothing.
      const other = new BoundBrowser(gateway.url);
      const { sid: second } = await other.signIn();
      isOut = true;
      await other.register();
      isOut = false;
      await kept.bind(second, { jkt: "another", by: "dbsc" });
      const over = await other.renew();
      assert.deepEqual([over.status, await over.json()], [200, { continue: false }]);
    },
    {},
    store,
  );
  await kept.close();
});

Deno.test("where each session has to be bound, one without a key is let in for a minute", async () => {
  await onStage(async (gateway) => {
    const browser = new BoundBrowser(gateway.url);
    await browser.signIn();
    const ask = async (client: BrowserClient, headers: Record<string, string> = {}) => {
      const response = await client.fetch("/things", { headers });
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await ask(browser), 200);
    gateway.clock.advance(61_000);
    browser.offer = null;
    const sent = await browser.fetch("/things?a=1", { headers: PAGE });
    assert.equal(sent.headers.get("location"), "/auth/binding?return_to=%2Fthings%3Fa%3D1");
    assert.ok(browser.offer !== null, "the refusal says how to go on");
    browser.offer = null;
    assert.equal(await codeOf(await browser.fetch("/things")), "403 binding_required");
    assert.ok(browser.offer !== null, "and to a script");
    const copied = { authorization: `Bearer ${browser.cookie("access")}` };
    assert.equal(await ask(new BrowserClient(gateway.url), copied), 403, "nor in another way");
    assert.equal((await browser.fetch("/public/x")).status, 200);
    assert.equal((await browser.fetch("/auth/session")).status, 200);
    assert.equal((await browser.register()).status, 200);
    assert.equal(await ask(browser), 200);
  }, { deviceBinding: "require" });
});

Deno.test("a route that asks for a bound session takes a browser's, and no other", async () => {
  const routes = [{ path: "/*", upstream: "app", require: { deviceBound: true } }];
  await onStage(async (gateway) => {
    const browser = new BoundBrowser(gateway.url);
    await browser.signIn();
    assert.equal(await codeOf(await browser.fetch("/things")), "403 binding_required");
    assert.equal((await browser.register()).status, 200);
    assert.equal((await browser.fetch("/things")).status, 200);
  }, { routes });
});

Deno.test("how a session is bound is told to its owner, page and script alike", async () => {
  await onStage(async (gateway) => {
    const browser = await bound(gateway);
    const { bound: by } = await (await browser.fetch("/auth/session")).json();
    assert.equal(by, "dbsc");
    const { sessions } = await (await browser.fetch("/auth/sessions")).json();
    assert.deepEqual(sessions.map((each: { bound: string }) => each.bound), ["dbsc"]);
    const page = await (await browser.fetch("/auth/account", { headers: PAGE })).text();
    assert.match(page, /<span class="badge"[^>]*>Bound to the device<\/span>/);
    const unbound = new BrowserClient(gateway.url);
    const session = await unbound.signIn() as object;
    assert.equal("bound" in session && session.bound, null, "to none, and it may be");
    const devices = await (await unbound.fetch("/auth/sessions")).json();
    assert.ok(
      devices.sessions.every((each: { sid: string; bound?: string }) =>
        (each.bound === undefined) === (each.sid === (session as { sid: string }).sid)
      ),
    );
  });
});

Deno.test("switched off, no answer has a header of it, and its paths are not there", async () => {
  await onStage(async (gateway) => {
    const browser = new BrowserClient(gateway.url);
    const json = { "content-type": "application/json" };
    const form = { ...PAGE, origin: gateway.url, "sec-fetch-site": "same-origin" };
    const body = JSON.stringify({ username: "demo", password: "postern" });
    const answers = [
      await browser.fetch("/auth/login", { method: "POST", headers: json, body }),
      await browser.fetch("/auth/login", {
        method: "POST",
        headers: { ...form, "content-type": "application/x-www-form-urlencoded" },
        body: "username=demo&password=postern",
      }),
    ];
    gateway.clock.advance(60_000);
    for (const path of ["/things", "/public/x", "/transparent/x", "/auth/account", "/nowhere"]) {
      answers.push(await browser.fetch(path, { headers: PAGE }));
    }
    answers.push(await browser.post("/auth/refresh"), await browser.fetch("/auth/session"));
    for (const path of ["/auth/dbsc/register", "/auth/dbsc/refresh"]) {
      const absent = await browser.fetch(path, {
        method: "POST",
        headers: { "secure-session-response": "a.b.c", "sec-secure-session-id": "x" },
      });
      assert.equal(absent.status, 404);
      answers.push(absent);
    }
    for (const { headers } of answers) {
      for (const [name] of headers) assert.doesNotMatch(name, /secure-session/);
      for (const cookie of headers.getSetCookie().filter((line) => line.includes("access"))) {
        assert.match(cookie, /Max-Age=(0|2\d{6})/, "as long as the refresh token");
      }
    }
    for (const { body } of answers) await body?.cancel();
  }, { deviceBinding: "off" });
});
