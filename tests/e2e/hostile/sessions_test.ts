/**
 * Sessions are kept and ended as their owner expects: a lost answer, a key of
 * another instance or a dead store sign nobody out by accident, and nobody stays
 * signed in after signing out.
 */
import assert from "node:assert/strict";
import { generateKeySet } from "../../../src/tokens/key_ring.ts";
import { PEOPLE } from "../../support/backend.ts";
import { startGatewayProcess } from "../../support/gateway_process.ts";
import { startRedis } from "../../support/redis.ts";
import { onEachRuntime, ORIGIN, RUNTIMES, sessionOf, startStand } from "../../support/stand.ts";
import type { SignedIn, Stand } from "../../support/stand.ts";
import { startUpstashRest } from "../../support/upstash_rest.ts";
import { exchange } from "../../support/wire.ts";

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const refresh = (stand: Stand, who: SignedIn) =>
  stand.send({ method: "POST", target: "/auth/refresh", headers: who.unsafe });
const refreshToken = (stand: Stand, token: string) =>
  stand.send({
    method: "POST",
    target: "/api/token/refresh/",
    headers: ["Content-Type: application/json"],
    body: JSON.stringify({ refresh: token }),
  });
const logout = (stand: Stand, who: SignedIn, path = "/auth/logout") =>
  stand.send({ method: "POST", target: path, headers: who.unsafe });

onEachRuntime("sessions and their ends", {
  config: { tokens: { rotationGrace: "1s" } },
  routes: [
    { path: "/in-passing/*", upstream: "app", refresh: "transparent" },
    { path: "/strict/*", upstream: "app", revocation: "strict" },
    { path: "/*", upstream: "app" },
  ],
}, async (stand, step) => {
  await step(
    "an answer that was lost can be asked for again, long after the grace window",
    async () => {
      const who = await stand.signIn("bob");
      const first = await refreshToken(stand, who.refresh);
      assert.equal(first.status, 200, first.text);
      await wait(2_200);
      const again = await refreshToken(stand, who.refresh);
      assert.equal(again.status, 200, again.text);
      const access = JSON.parse(again.text).access;
      assert.equal((await stand.get("/x", [`Authorization: Bearer ${access}`])).status, 200);
      assert.equal((await stand.get("/x", [who.bearer])).status, 200, "nobody was signed out");
    },
  );

  await step("a spent token whose successor was used is reuse, and ends the session", async () => {
    const who = await stand.signIn("bob");
    const first = JSON.parse((await refreshToken(stand, who.refresh)).text);
    const second = JSON.parse((await refreshToken(stand, first.refresh)).text);
    await wait(1_300);
    assert.equal((await refreshToken(stand, who.refresh)).status, 401);
    assert.equal((await refreshToken(stand, second.refresh)).status, 401);
    assert.equal((await stand.get("/x", [who.bearer])).status, 401);
  });

  await step("signing in again in the same browser ends the session before", async () => {
    const old = await stand.signIn("bob");
    const fresh = await stand.signIn("bob", [old.cookies]);
    assert.equal((await stand.get("/x", [fresh.bearer])).status, 200);
    assert.equal((await stand.get("/x", [old.bearer])).status, 401);
    assert.equal((await refreshToken(stand, old.refresh)).status, 401);
  });

  await step("but a bearer's session is nobody else's to end", async () => {
    const old = await stand.signIn("ada");
    await stand.signIn("bob", [`Authorization: Bearer ${old.access}`]);
    assert.equal((await stand.get("/x", [old.bearer])).status, 200);
  });

  await step("a token with other bits in its last character is another token", async () => {
    const who = await stand.signIn("bob");
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const twins: string[] = [];
    const parts = who.access.split(".");
    for (const index of [0, 1, 2]) {
      const part = parts[index] ?? "";
      const last = alphabet.indexOf(part.at(-1) ?? "");
      for (const other of [last ^ 1, last ^ 2, last ^ 3, (last + 1) % 64]) {
        const changed = parts.with(index, part.slice(0, -1) + alphabet[other]);
        twins.push(changed.join("."));
      }
    }
    twins.push(`${who.access}=`, `${who.access}==`, who.access.replace(/\./, "=."));
    twins.push(
      `${who.access}\t`.trim() + "A",
      who.access.replaceAll("-", "+").replaceAll("_", "/") + "x",
    );
    for (const twin of twins) {
      const answer = await stand.get("/x", [`Authorization: Bearer ${twin}`]);
      assert.ok([400, 401].includes(answer.status), `${twin.slice(-20)}: ${answer.status}`);
    }
  });

  await step(
    "a navigation that renewed its session in passing sets the cookies at once",
    async () => {
      const short = await startStand(stand.name === "Deno" ? RUNTIMES[0]! : RUNTIMES[1]!, {
        config: { tokens: { accessTtl: "3s", clockTolerance: "0s", rotationGrace: "1s" } },
        routes: [{ path: "/*", upstream: "app", refresh: "transparent" }],
      });
      try {
        const who = await short.signIn("bob");
        // A token has to live for as long as a busy machine takes to answer.
        await wait(3_200);
        short.upstream.answer(async () => {
          await wait(2_500);
          return undefined;
        });
        const wire = await short.open();
        wire.send(short.bytes({
          target: "/slow",
          headers: [
            who.cookies,
            "Accept: text/html",
            "Sec-Fetch-Mode: navigate",
            "Sec-Fetch-Dest: document",
            "Sec-Fetch-Site: cross-site",
          ],
        }));
        await wait(500);
        wire.hangUp();
        await wait(1_800);
        short.upstream.answer(() => {});
        const back = await short.get("/x", [who.cookies]);
        assert.equal(back.status, 200, `the one who gave up is still signed in: ${back.raw}`);
      } finally {
        await short.stop();
      }
    },
  );

  await step("somebody else's cookies of our names are not cleared", async () => {
    const foreign = await generateKeySet();
    const other = await startStand(stand.name === "Deno" ? RUNTIMES[0]! : RUNTIMES[1]!, {
      env: { POSTERN_KEYS: JSON.stringify(foreign) },
    });
    try {
      const theirs = await other.signIn("bob");
      const answer = await refresh(stand, theirs);
      assert.ok([401, 403].includes(answer.status), answer.raw);
      assert.deepEqual(answer.all("set-cookie"), []);
      const page = await stand.get("/x", [
        theirs.cookies,
        "Accept: text/html",
        "Sec-Fetch-Mode: navigate",
      ]);
      assert.deepEqual(page.all("set-cookie").filter((line) => /max-age=0/i.test(line)), []);
      const passing = await stand.get("/in-passing/x", [theirs.cookies]);
      assert.deepEqual(passing.all("set-cookie").filter((line) => /max-age=0/i.test(line)), []);
    } finally {
      await other.stop();
    }
  });

  await step("a subject has a bounded number of sessions; the oldest ends", async () => {
    const capped = await startStand(stand.name === "Deno" ? RUNTIMES[0]! : RUNTIMES[1]!, {
      config: { tokens: { maxSessions: 4 } },
    });
    try {
      const all: SignedIn[] = [];
      for (let count = 0; count < 7; count++) all.push(await capped.signIn("bob"));
      const list = await capped.get("/auth/sessions", [all.at(-1)!.cookies]);
      assert.equal(JSON.parse(list.text).sessions.length, 4, list.text);
      assert.equal((await capped.get("/x", [all.at(-1)!.bearer])).status, 200);
      assert.equal((await capped.get("/x", [all.at(-4)!.bearer])).status, 200);
      assert.equal((await refreshToken(capped, all[0]!.refresh)).status, 401);
      assert.equal((await capped.get("/x", [all[0]!.bearer])).status, 401);
    } finally {
      await capped.stop();
    }
  });
});

Deno.test({
  name: "Deno: two instances in the middle of a change of keys sign nobody out",
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const [oldKey, newKey] = [await generateKeySet(), await generateKeySet()];
    const first = await startStand(RUNTIMES[0]!, { env: { POSTERN_KEYS: JSON.stringify(oldKey) } });
    const login = first.login.url;
    try {
      // The new instance stands on the same backend, with a key that the old one does not know.
      const second = await startGatewayProcess({
        config: {
          origin: ORIGIN,
          identity: { kind: "upstream", url: login, subject: "/user/id" },
          store: { kind: "sqlite", path: `${await Deno.makeTempDir()}/p.db` },
          upstreams: { app: { targets: [first.upstream.url] } },
          routes: [{ path: "/*", upstream: "app" }],
        },
        env: { POSTERN_KEYS: JSON.stringify({ keys: [...newKey.keys, ...oldKey.keys] }) },
      });
      try {
        const answer = await exchange(second.port, {
          method: "POST",
          target: "/auth/login",
          headers: ["Content-Type: application/json", `Origin: ${ORIGIN}`],
          body: JSON.stringify({ username: "bob", password: PEOPLE.bob.password }),
        }, { host: "app.example.com" });
        const who = sessionOf(answer);
        const refused = await refresh(first, who);
        assert.ok([401, 403, 503].includes(refused.status), refused.raw);
        assert.deepEqual(refused.all("set-cookie"), [], "cookies of a key unknown here stay");
        const navigation = await first.get("/x", [
          who.cookies,
          "Accept: text/html",
          "Sec-Fetch-Mode: navigate",
        ]);
        assert.deepEqual(
          navigation.all("set-cookie").filter((line) => /max-age=0/i.test(line)),
          [],
        );
      } finally {
        await second.stop();
      }
    } finally {
      await first.stop();
    }
  },
});

for (const harness of RUNTIMES) {
  Deno.test({
    name: `${harness.name}: signing out with the store gone clears the cookies and says the truth`,
    sanitizeResources: false,
    sanitizeOps: false,
    async fn() {
      const redis = await startRedis();
      const rest = await startUpstashRest({ redisPort: redis.port });
      const stand = await startStand(harness, {
        config: { store: { kind: "upstash", commandTimeout: "300ms" } },
        env: { UPSTASH_REDIS_REST_URL: rest.url, UPSTASH_REDIS_REST_TOKEN: rest.token },
      });
      try {
        const who = await stand.signIn("bob");
        await redis.kill();
        for (const path of ["/auth/logout", "/auth/logout/all"]) {
          const answer = await logout(stand, who, path);
          assert.equal(answer.status, 503, answer.raw);
          const cleared = answer.all("set-cookie").filter((line) => /max-age=0/i.test(line));
          for (const name of ["access", "refresh", "csrf"]) {
            assert.ok(
              cleared.some((line) => line.startsWith(`__Host-postern-${name}=`)),
              `${path} ${name}`,
            );
          }
          for (const line of cleared) assert.match(line, /;\s*secure/i);
        }
        const form = await stand.send({
          method: "POST",
          target: "/auth/account/sign-out",
          headers: [
            ...who.unsafe,
            "Accept: text/html",
            "Content-Type: application/x-www-form-urlencoded",
            "Sec-Fetch-Mode: navigate",
            "Sec-Fetch-Site: same-origin",
          ],
          body: `csrf_token=${encodeURIComponent(who.csrf)}`,
        });
        assert.ok(form.all("set-cookie").some((line) => /max-age=0/i.test(line)), form.raw);
        assert.doesNotMatch(form.get("content-type") ?? "", /problem\+json/, "a form sees a page");
      } finally {
        await stand.stop();
        await rest.stop();
        await redis.stop();
      }
    },
  });
}
