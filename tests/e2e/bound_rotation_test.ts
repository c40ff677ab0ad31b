/**
 * Every way in which a refresh token can be exchanged, with a session that was bound to
 * a key after its refresh token was given out: none of them gives anything out without
 * the key, spends anything, or signs its owner out.
 */
import assert from "node:assert/strict";
import { BrowserClient } from "../support/browser_client.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";
import { generation, GRACE_MS } from "../store/fixtures.ts";

const OTHER = "http://127.0.0.1:9";
const PROXY = "127.0.0.1/32";
const NAVIGATION = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };

type Way = (client: BrowserClient, gateway: TestGateway) => Promise<Response>;

/** Each presents the refresh cookie alone, or the refresh token in a body. */
const WAYS: Readonly<Record<string, Way>> = {
  "the refresh endpoint": (client) => client.post("/auth/refresh"),
  "the token transport": (client) =>
    client.fetch("/api/token/refresh/", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ refresh: client.cookie("refresh") }),
    }),
  "in passing": (client) => client.fetch("/transparent/x"),
  "in passing, by a page": (client) => client.fetch("/transparent/x", { headers: NAVIGATION }),
  "in passing, unsafe": (client) =>
    client.fetch("/transparent/x", { method: "POST", csrf: true, body: "x" }),
  "the account page": (client) => client.fetch("/auth/account", { headers: NAVIGATION }),
  "the sign-in page": (client) => client.fetch("/auth/login", { headers: NAVIGATION }),
  "a hand-over to another host": (client) =>
    client.fetch(`/auth/handover/give?to=${encodeURIComponent(OTHER)}&state=${"a".repeat(43)}`),
  "forward-auth": (client, gateway) =>
    client.fetch("/auth/verify/forward-auth", {
      headers: {
        "x-forwarded-method": "GET",
        "x-forwarded-proto": "http",
        "x-forwarded-host": new URL(gateway.url).host,
        "x-forwarded-uri": "/transparent/x",
      },
    }),
};

Deno.test("a bound session is rotated in no way without its key, and its owner stays", async () => {
  const upstream = startUpstream();
  const gateway = await startGateway({
    upstream: upstream.url,
    config: { origins: [OTHER], handover: true, verify: { trustedProxies: [PROXY] } },
  });
  try {
    for (const [name, way] of Object.entries(WAYS)) {
      const owner = new BrowserClient(gateway.url);
      const { sid } = await owner.signIn();
      const bound = { jkt: `key of ${name}`, by: "dbsc" } as const;
      // The cookies of now name no key: they were given out before there was one.
      assert.equal(await gateway.store.bind(sid, bound), "bound");
      const before = await gateway.store.readSession(sid);
      const refresh = owner.cookie("refresh");
      owner.cookies.delete("postern-access");
      gateway.events.length = 0;
      const response = await way(owner, gateway);
      const text = await response.text();
      assert.ok(!text.includes('"access"'), name);
      assert.deepEqual(
        response.headers.getSetCookie().filter((line) =>
          /(access|refresh)=/.test(line) && !line.startsWith("postern-access=; Max-Age=0")
        ),
        [],
        `${name}: no cookies are set, and none but an old one of access is taken`,
      );
      assert.equal(owner.cookie("refresh"), refresh, name);
      assert.deepEqual(await gateway.store.readSession(sid), before, `${name}: nothing is spent`);
      const failed = gateway.events.filter(({ event }) => event.event === "binding_failed");
      assert.equal(failed.length, 1, `${name}: ${response.status} ${text.slice(0, 300)}`);
      const rotated = await gateway.store.rotate({
        sid,
        subject: before?.subject ?? "",
        presentedJti: before?.current.refreshJti ?? "",
        next: generation(gateway.clock),
        graceMs: GRACE_MS,
        denyForMs: 60_000,
        groups: before?.groups ?? [],
        jkt: bound.jkt,
      });
      assert.equal(rotated.kind, "rotated", `${name}: whoever has the key goes on`);
    }
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});

Deno.test("whose key is lost is led to the sign-in page, and a script told why", async () => {
  const upstream = startUpstream();
  const gateway = await startGateway({ upstream: upstream.url });
  try {
    const owner = new BrowserClient(gateway.url);
    const { sid } = await owner.signIn();
    await gateway.store.bind(sid, { jkt: "a lost key", by: "dbsc" });
    owner.cookies.delete("postern-access");
    for (const path of ["/transparent/x", "/auth/account"]) {
      const page = await owner.fetch(path, { headers: NAVIGATION, redirect: "manual" });
      await page.body?.cancel();
      assert.match(page.headers.get("location") ?? "", /^\/auth\/login\?.*reason=expired/, path);
    }
    const signIn = await owner.fetch("/auth/login?reason=expired", { headers: NAVIGATION });
    assert.equal(signIn.status, 200);
    assert.match(await signIn.text(), /<form/);
    const script = await owner.fetch("/transparent/x");
    assert.deepEqual([script.status, (await script.json()).code], [403, "binding_required"]);
    const again = await owner.signIn();
    assert.notEqual(again.sid, sid);
    const back = await owner.fetch("/transparent/x", { headers: NAVIGATION });
    await back.body?.cancel();
    assert.equal(back.status, 200);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});
