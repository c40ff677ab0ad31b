/** Several hosts, one sign-in: a session for each, by a code that is good once. */
import assert from "node:assert/strict";
import { createDemoIdentity, DEMO_USERS } from "../../../src/identity/demo.ts";
import { freePort } from "../../support/ports.ts";
import { createMemoryStore } from "../../../src/store/memory/store.ts";
import type { SessionStore } from "../../../src/store/port.ts";
import type { SessionRecord } from "../../../src/base/session.ts";
import { startGateway } from "../../support/gateway.ts";
import type { TestGateway } from "../../support/gateway.ts";
import { startUpstream } from "../../support/upstream.ts";

/** A browser that keeps cookies for each host, and goes one step at a time. */
class Browser {
  readonly #jars = new Map<string, Map<string, string>>();

  jar(origin: string): Map<string, string> {
    const jar = this.#jars.get(origin) ?? new Map<string, string>();
    this.#jars.set(origin, jar);
    return jar;
  }

  async ask(url: string, init: RequestInit = {}): Promise<Response> {
    const { origin } = new URL(url);
    const jar = this.jar(origin);
    const headers = new Headers(init.headers);
    headers.set("cookie", Array.from(jar, ([name, value]) => `${name}=${value}`).join("; "));
    if (init.method === undefined) headers.set("sec-fetch-mode", "navigate");
    const response = await fetch(url, { ...init, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      const name = pair.slice(0, pair.indexOf("="));
      if (/max-age=0/i.test(line)) jar.delete(name);
      else jar.set(name, decodeURIComponent(pair.slice(name.length + 1)));
    }
    return response;
  }

  /** Follows redirects; every place on the way, the last one with its answer. */
  async go(url: string): Promise<{ places: string[]; response: Response }> {
    const places = [url];
    for (let steps = 0; steps < 10; steps++) {
      const response = await this.ask(places.at(-1) ?? url);
      const location = response.headers.get("location");
      if (location === null) return { places, response };
      await response.body?.cancel();
      places.push(new URL(location, places.at(-1)).href);
    }
    throw new Error(`no end: ${places.join(" → ")}`);
  }

  async signIn(origin: string): Promise<void> {
    const response = await this.ask(`${origin}/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json", origin },
      body: JSON.stringify({ username: "demo", password: "postern" }),
    });
    assert.equal(response.status, 200, await response.text());
  }
}

interface Stand {
  readonly gateway: TestGateway;
  readonly home: string;
  readonly other: string;
}

async function withStand(
  act: (stand: Stand) => Promise<void>,
  { store, config = {} }: {
    readonly store?: SessionStore;
    readonly config?: Readonly<Record<string, unknown>>;
  } = {},
): Promise<void> {
  const upstream = startUpstream();
  const port = freePort();
  const other = `http://127.0.0.1:${port}`;
  const gateway = await startGateway({
    port,
    upstream: upstream.url,
    ...(store === undefined ? {} : { store }),
    identity: createDemoIdentity([
      ...DEMO_USERS,
      { username: "eve", password: "postern", subject: "eve", claims: {} },
    ]),
    config: {
      origins: [other],
      handover: true,
      verify: { trustedProxies: ["127.0.0.1"] },
      ...config,
    },
  });
  try {
    await act({ gateway, home: gateway.url, other });
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

async function statusAt(browser: Browser, origin: string): Promise<number> {
  const response = await browser.ask(`${origin}/auth/session`, { headers: { accept: "*/*" } });
  await response.body?.cancel();
  return response.status;
}

Deno.test("whoever is signed in at one host is at the other without a second sign-in", async () => {
  await withStand(async ({ home, other }) => {
    const browser = new Browser();
    await browser.signIn(home);
    const { places, response } = await browser.go(`${other}/page?a=b`);
    assert.equal(response.status, 200);
    assert.equal((await response.json()).target, "/page?a=b");
    assert.deepEqual(places.map((place) => place.split("?")[0]), [
      `${other}/page`,
      `${other}/auth/login`,
      `${home}/auth/handover/give`,
      `${other}/auth/handover/take`,
      `${other}/page`,
    ]);
    assert.notEqual(browser.jar(home).get("postern-access"), undefined);
    assert.notEqual(
      browser.jar(home).get("postern-access"),
      browser.jar(other).get("postern-access"),
      "a session of its own",
    );
    assert.equal(browser.jar(other).has("postern-handover"), false);
  });
});

Deno.test("whoever is signed in nowhere signs in at the home host, and arrives", async () => {
  await withStand(async ({ home, other }) => {
    const browser = new Browser();
    const { places, response } = await browser.go(`${other}/page`);
    assert.equal(response.status, 200);
    await response.body?.cancel();
    const page = new URL(places.at(-1) ?? "");
    assert.equal(page.origin + page.pathname, `${home}/auth/login`);
    await browser.signIn(home);
    const returnTo = page.searchParams.get("return_to") ?? "";
    assert.match(returnTo, /^\/auth\/handover\/give\?/);
    const arrived = await browser.go(home + returnTo);
    assert.equal(arrived.places.at(-1), `${other}/page`);
    assert.equal(arrived.response.status, 200);
    await arrived.response.body?.cancel();
  });
});

Deno.test("signing out at any host signs out at all of them", async () => {
  for (const leaveAtHome of [true, false]) {
    await withStand(async ({ home, other, gateway }) => {
      const browser = new Browser();
      await browser.signIn(home);
      await (await browser.go(`${other}/page`)).response.body?.cancel();
      const elsewhere = new Browser();
      await elsewhere.signIn(home);
      const at = leaveAtHome ? home : other;
      const response = await browser.ask(`${at}/auth/logout`, {
        method: "POST",
        headers: { origin: at, "x-csrf-token": browser.jar(at).get("postern-csrf") ?? "" },
      });
      assert.equal(response.status, 204);
      gateway.clock.advance(6_000);
      assert.equal(await statusAt(browser, home), 401);
      assert.equal(await statusAt(browser, other), 401);
      const refreshed = await browser.ask(`${at === home ? other : home}/auth/refresh`, {
        method: "POST",
        headers: {
          origin: at === home ? other : home,
          "x-csrf-token": browser.jar(at === home ? other : home).get("postern-csrf") ?? "",
        },
      });
      await refreshed.body?.cancel();
      assert.equal(refreshed.status, 401, "nor can it be renewed");
      assert.equal(await statusAt(elsewhere, home), 200, "another sign-in goes on");
    });
  }
});

Deno.test("a code is good once, for one host, in the browser that asked, and not for long", async () => {
  await withStand(async ({ home, other, gateway }) => {
    const codeFor = async (browser: Browser): Promise<string> => {
      await browser.signIn(home);
      const start = await browser.ask(`${other}/auth/login?return_to=/page`);
      const give = await browser.ask(start.headers.get("location") ?? "");
      return give.headers.get("location") ?? "";
    };
    const taken = async (browser: Browser, url: string) => {
      const response = await browser.ask(url);
      await response.body?.cancel();
      return response.status;
    };
    const browser = new Browser();
    const code = await codeFor(browser);
    assert.equal(await taken(new Browser(), code), 400, "a victim's browser");
    const second = await codeFor(browser);
    assert.equal(await taken(browser, second.replace(other, home)), 400, "another host");
    assert.equal(await taken(browser, second), 302);
    assert.equal(await taken(browser, second), 400, "a second time");
    const third = await codeFor(browser);
    gateway.clock.advance(31_000);
    assert.equal(await taken(browser, third), 400, "too late");
    for (const odd of ["", "x", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..a.b.c"]) {
      assert.equal(await taken(browser, `${other}/auth/handover/take?code=${odd}`), 400);
    }
  });
});

Deno.test("who was at the other host before as somebody else is signed out there", async () => {
  await withStand(async ({ home, other, gateway }) => {
    const browser = new Browser();
    const response = await browser.ask(`${other}/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: other },
      body: JSON.stringify({ username: "eve", password: "postern" }),
    });
    assert.equal(response.status, 200, await response.text());
    const before = browser.jar(other).get("postern-access") ?? "";
    await browser.signIn(home);
    const start = await browser.ask(`${other}/auth/login?return_to=/page`);
    const arrived = await browser.go(start.headers.get("location") ?? "");
    await arrived.response.body?.cancel();
    assert.equal(arrived.response.status, 200);
    assert.equal(await statusAt(browser, other), 200);
    assert.equal(await statusAt(browser, home), 200);
    gateway.clock.advance(6_000);
    const old = await fetch(`${other}/page`, { headers: { authorization: `Bearer ${before}` } });
    assert.equal((await old.json()).code, "session_revoked");
  });
});

Deno.test("nobody is handed over to a host that is not ours, nor back to another site", async () => {
  await withStand(async ({ home, other }) => {
    const browser = new Browser();
    await browser.signIn(home);
    const state = "A".repeat(43);
    for (const to of ["https://evil.example", `${other}.evil.example`, home, "", `${other}/`]) {
      const query = new URLSearchParams({ to, state });
      const response = await browser.ask(`${home}/auth/handover/give?${query}`);
      await response.body?.cancel();
      assert.equal(response.status, 400, to);
    }
    const { places, response } = await browser.go(
      `${other}/auth/login?return_to=${encodeURIComponent("//evil.example/x")}`,
    );
    await response.body?.cancel();
    assert.equal(places.at(-1), `${other}/`);
  });
});

Deno.test("forward-auth sends a browser of another host the same way", async () => {
  await withStand(async ({ other }) => {
    const response = await fetch(`${other}/auth/verify/forward-auth`, {
      redirect: "manual",
      headers: {
        "x-forwarded-method": "GET",
        "x-forwarded-proto": "http",
        "x-forwarded-host": new URL(other).host,
        "x-forwarded-uri": "/page",
        "sec-fetch-mode": "navigate",
      },
    });
    await response.body?.cancel();
    assert.equal(response.headers.get("location"), `${other}/auth/login?return_to=%2Fpage`);
  });
});

Deno.test("the session at the other host lasts no longer than its own may, nor than nobody is asked", async () => {
  const inner = createMemoryStore();
  let root: (record: SessionRecord) => SessionRecord = (record) => record;
  const store: SessionStore = {
    ...inner,
    async readSession(sid) {
      const record = await inner.readSession(sid);
      return record === null ? null : root(record);
    },
  };
  const day = 24 * 3_600;
  await withStand(async ({ home, other, gateway }) => {
    /** For how many seconds from now the cookies at the other host can be renewed. */
    async function lifeAtOther(minutesLater: number): Promise<number> {
      const browser = new Browser();
      await browser.signIn(home);
      gateway.clock.advance(minutesLater * 60_000);
      await (await browser.go(`${other}/page`)).response.body?.cancel();
      const [, payload = ""] = (browser.jar(other).get("postern-refresh") ?? "").split(".");
      const { sid } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
      const record = await inner.readSession(sid);
      assert.ok(record !== null);
      assert.ok(record.current.refreshExpiresAtSeconds <= record.capSeconds);
      assert.deepEqual(record.bound, root(record).bound, "bound as the one of sign-in is");
      return record.capSeconds - gateway.clock() / 1000;
    }
    const around = (seconds: number, wanted: number) =>
      assert.ok(Math.abs(seconds - wanted) < 60, `${seconds} s instead of ${wanted} s`);
    around(await lifeAtOther(20), 90 * day - 20 * 60);
    root = (record) => ({ ...record, bound: { jkt: "k", by: "dbsc" } });
    around(await lifeAtOther(20), 10 * 60);
    // Over, and still within the tolerance.
    assert.ok(await lifeAtOther(30 + 3 / 60) > 50, "long enough to arrive");
    root = (record) => ({ ...record, sealed: "a provider's refresh token" });
    around(await lifeAtOther(20), day);
    root = (record) => ({ ...record, capSeconds: Math.floor(gateway.clock() / 1000) + 7_200 });
    around(await lifeAtOther(20), 7_200);
  }, { store });
  await inner.close();
});

Deno.test("where sessions have to be bound, no other host gives one more time for that", async () => {
  await withStand(async ({ home, other, gateway }) => {
    const browser = new Browser();
    await browser.signIn(home);
    const first = await browser.go(`${other}/page`);
    await first.response.body?.cancel();
    assert.equal(first.response.status, 200, "as at home, there is a minute");
    gateway.clock.advance(61_000);
    for (const at of [home, other]) {
      const late = await browser.ask(`${at}/page`);
      assert.equal(late.headers.get("location"), "/auth/binding?return_to=%2Fpage", at);
    }
    browser.jar(other).clear();
    const { places, response } = await browser.go(`${other}/page`);
    await response.body?.cancel();
    const waiting = new URL(places.at(-1) ?? "");
    assert.deepEqual([waiting.origin, waiting.pathname], [home, "/auth/binding"]);
    assert.match(waiting.searchParams.get("return_to") ?? "", /^\/auth\/handover\/give\?/);
    assert.equal(browser.jar(other).has("postern-access"), false);
  }, { config: { deviceBinding: "require" } });
});
