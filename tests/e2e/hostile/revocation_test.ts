/**
 * What is revoked stays revoked: under changed lifetimes, clocks that are set
 * back, and for tokens of before the move.
 */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { generateKeySet } from "../../../src/tokens/key_ring.ts";
import { startGatewayProcess } from "../../support/gateway_process.ts";
import { HOST, ORIGIN, RUNTIMES, sessionOf, startStand, usualConfig } from "../../support/stand.ts";
import type { SignedIn } from "../../support/stand.ts";
import { PEOPLE } from "../../support/backend.ts";
import { until } from "../../support/until.ts";
import { exchange } from "../../support/wire.ts";

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function test(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({ name, fn, sanitizeResources: false, sanitizeOps: false });
}

const KEY = "the signing key of the old Django, long enough to be one";

function legacyToken(type: "access" | "refresh", extra: Record<string, unknown> = {}): string {
  const part = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value))
      .toBase64({ alphabet: "base64url", omitPadding: true });
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    token_type: type,
    exp: now + 3600,
    iat: now - 60,
    jti: crypto.randomUUID().replaceAll("-", ""),
    user_id: "u-2",
    ...extra,
  };
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${createHmac("sha256", KEY).update(text).digest("base64url")}`;
}

for (const harness of RUNTIMES) {
  test(`${harness.name}: shorter lifetimes bring nothing back that was revoked`, async () => {
    const store = await harness.store();
    const keys = JSON.stringify(await generateKeySet());
    const backend = await startStand(RUNTIMES[0]!);
    const start = (tokens: Record<string, string>) =>
      harness.start({
        config: {
          ...usualConfig(backend.upstream.url, backend.login.url),
          store: store.config,
          tokens,
        },
        env: { ...store.env, POSTERN_KEYS: keys, POSTERN_PREFIX: "lives" },
      });
    const before = await start({ accessTtl: "10m", refreshTtl: "1h" });
    const ask = (port: number, request: Parameters<typeof exchange>[1]) =>
      exchange(port, request, { host: HOST });
    const signIn = async () =>
      sessionOf(
        await ask(before.port, {
          method: "POST",
          target: "/auth/login",
          headers: ["Content-Type: application/json", `Origin: ${ORIGIN}`],
          body: JSON.stringify({ username: "bob", password: PEOPLE.bob.password }),
        }),
      );
    const [one, two, three] = [await signIn(), await signIn(), await signIn()];
    await before.stop();
    const after = await start({ accessTtl: "2s", refreshTtl: "4s", clockTolerance: "0s" });
    try {
      const end = (who: SignedIn, path: string) =>
        ask(after.port, { method: "POST", target: path, headers: who.unsafe });
      assert.equal((await end(three, "/auth/logout")).status, 204);
      assert.equal((await end(one, "/auth/logout/all")).status, 204);
      const revived: string[] = [];
      for (const endMs = performance.now() + 7_500; performance.now() < endMs;) {
        for (const [name, who] of Object.entries({ one, two, three })) {
          const access = await ask(after.port, { target: "/x", headers: [who.bearer] });
          if (access.status !== 401) revived.push(`${name} access ${access.status}`);
          const refresh = await ask(after.port, {
            method: "POST",
            target: "/api/token/refresh/",
            headers: ["Content-Type: application/json"],
            body: JSON.stringify({ refresh: who.refresh }),
          });
          if (refresh.status !== 401) revived.push(`${name} refresh ${refresh.status}`);
        }
        await wait(900);
      }
      assert.deepEqual([...new Set(revived)], []);
    } finally {
      await after.stop();
      await backend.stop();
      await store.stop();
    }
  });

  test(`${harness.name}: tokens of before the move end with their owner's sessions`, async (t) => {
    const store = await harness.store();
    const keys = JSON.stringify(await generateKeySet());
    const backend = await startStand(RUNTIMES[0]!);
    const start = () =>
      harness.start({
        config: {
          ...usualConfig(backend.upstream.url, backend.login.url),
          store: store.config,
          tokens: { legacy: {} },
          revocation: { pollInterval: "30s", maxStaleness: "5m" },
          routes: [
            { path: "/strict/*", upstream: "app", revocation: "strict" },
            { path: "/*", upstream: "app" },
          ],
        },
        env: {
          ...store.env,
          POSTERN_KEYS: keys,
          POSTERN_PREFIX: "legacy",
          POSTERN_LEGACY_KEY: KEY,
        },
      });
    const [x, y] = [await start(), await start()];
    const ask = (port: number, request: Parameters<typeof exchange>[1]) =>
      exchange(port, request, { host: HOST });
    const step = (name: string, fn: () => Promise<void>) =>
      t.step({ name, fn, sanitizeResources: false, sanitizeOps: false });
    try {
      const own = sessionOf(
        await ask(y.port, {
          method: "POST",
          target: "/auth/login",
          headers: ["Content-Type: application/json", `Origin: ${ORIGIN}`],
          body: JSON.stringify({ username: "bob", password: PEOPLE.bob.password }),
        }),
      );
      const legacy = legacyToken("access");
      const strict = (token: string) =>
        ask(x.port, { target: "/strict/x", headers: [`Authorization: Bearer ${token}`] });

      await step("a strict route takes them before", async () => {
        assert.equal((await strict(legacy)).status, 200);
        assert.equal((await strict(own.access)).status, 200);
      });
      await step("a strict route of another instance refuses them at once after", async () => {
        const out = await ask(y.port, {
          method: "POST",
          target: "/auth/logout/all",
          headers: own.unsafe,
        });
        assert.equal(out.status, 204, out.text);
        assert.equal((await strict(own.access)).status, 401);
        assert.equal((await strict(legacy)).status, 401);
      });
      await step("one that is not valid yet is refused", async () => {
        const now = Math.floor(Date.now() / 1000);
        const early = legacyToken("access", { nbf: now + 600, user_id: "u-7" });
        assert.equal((await strict(early)).status, 401);
        assert.equal((await strict(legacyToken("access", { user_id: "u-7" }))).status, 200);
      });
    } finally {
      await x.stop();
      await y.stop();
      await backend.stop();
      await store.stop();
    }
  });
}

test("Deno: a clock that is set back does not hide revocations", async () => {
  const store = await RUNTIMES[0]!.store();
  const keys = JSON.stringify(await generateKeySet());
  const backend = await startStand(RUNTIMES[0]!);
  const clock = await Deno.makeTempFile({ prefix: "postern-clock-" });
  await Deno.writeTextFile(clock, "+0s\n");
  const config = {
    ...usualConfig(backend.upstream.url, backend.login.url),
    store: store.config,
    revocation: { pollInterval: "500ms", maxStaleness: "3s" },
  };
  const library = await faketimeLibrary();
  const x = await startGatewayProcess({
    config,
    env: {
      POSTERN_KEYS: keys,
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_NO_CACHE: "1",
      // Only the wall clock: the monotonic one never steps.
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      DONT_FAKE_MONOTONIC: "1",
    },
  });
  const y = await startGatewayProcess({ config, env: { POSTERN_KEYS: keys } });
  const ask = (port: number, request: Parameters<typeof exchange>[1]) =>
    exchange(port, request, { host: HOST });
  try {
    const who = sessionOf(
      await ask(y.port, {
        method: "POST",
        target: "/auth/login",
        headers: ["Content-Type: application/json", `Origin: ${ORIGIN}`],
        body: JSON.stringify({ username: "bob", password: PEOPLE.bob.password }),
      }),
    );
    const atX = () => ask(x.port, { target: "/x", headers: [who.bearer] });
    assert.equal((await atX()).status, 200);
    await Deno.writeTextFile(clock, "-600s\n");
    await wait(300);
    const out = await ask(y.port, {
      method: "POST",
      target: "/auth/logout",
      headers: who.unsafe,
    });
    assert.equal(out.status, 204, out.text);
    await until(async () => (await atX()).status !== 200, "the revocation is seen at X", 8_000);
  } finally {
    await x.stop();
    await y.stop();
    await backend.stop();
    await store.stop();
    await Deno.remove(clock);
  }
});

async function faketimeLibrary(): Promise<string> {
  for (const folder of ["x86_64-linux-gnu", "aarch64-linux-gnu"]) {
    const path = `/usr/lib/${folder}/faketime/libfaketimeMT.so.1`;
    if (await Deno.stat(path).then(() => true, () => false)) return path;
  }
  throw new Error("libfaketime is not installed");
}
