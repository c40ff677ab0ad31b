/**
 * Clocks that are really set, while gateways run: two processes on one SQLite
 * file, one of them under `faketime`.
 */
import assert from "node:assert/strict";
import { generateKeySet } from "../../src/tokens/key_ring.ts";
import { PEOPLE, startBackend } from "../support/backend.ts";
import { startGatewayProcess } from "../support/gateway_process.ts";
import { pause } from "../support/linear/random.ts";
import { report } from "../support/report.ts";
import { until } from "../support/until.ts";

const FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
const BOUND_MS = 5_000;

Deno.test({
  name: "a clock that is set by hours, forward or back, hides no revocation and signs nobody out",
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "postern-clock-" });
    const backend = startBackend();
    const issuer = "https://app.example.com";
    const keys = JSON.stringify(await generateKeySet());
    const clock = `${folder}/clock`;
    await Deno.writeTextFile(clock, "+0");
    const start = (env: Record<string, string>) =>
      startGatewayProcess({
        config: {
          identity: { kind: "upstream", url: `${backend.url}/login`, subject: "/user/id" },
          store: { kind: "sqlite", path: `${folder}/postern.db` },
          tokens: { issuer, audience: issuer },
          upstreams: { app: { targets: [backend.url] } },
          routes: [{ path: "/*", upstream: "app" }],
        },
        env: { POSTERN_KEYS: keys, ...env },
      });
    const right = await start({});
    const wrong = await start({
      LD_PRELOAD: FAKETIME,
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    });
    const post = (port: number, path: string, body: object, headers: HeadersInit = {}) =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
    const signIn = async (port: number): Promise<{ access: string; refresh: string }> => {
      const { password } = PEOPLE.ada;
      const response = await post(port, "/api/token/", { username: "ada", password });
      assert.equal(response.status, 200, await response.clone().text());
      return await response.json();
    };
    const use = async (port: number, access: string) => {
      const headers = { authorization: `Bearer ${access}` };
      const response = await fetch(`http://127.0.0.1:${port}/x`, { headers });
      const text = await response.text();
      return response.status === 200 ? "admitted" : JSON.parse(text).code;
    };
    const setClock = async (seconds: number) => {
      await Deno.writeTextFile(clock, `${seconds < 0 ? "" : "+"}${seconds}`);
      await pause(100);
    };
    try {
      for (const minutes of [-1, -60, -300, 20]) {
        await setClock(0);
        const pair = await signIn(right.port);
        const other = await signIn(right.port);
        assert.equal(await use(wrong.port, pair.access), "admitted");
        // The clock of one is set while both are at work.
        await setClock(minutes * 60);
        assert.equal(await use(wrong.port, pair.access), "admitted");
        const ended = await post(right.port, "/auth/logout", {}, {
          authorization: `Bearer ${pair.access}`,
        });
        assert.equal(ended.status, 204);
        const beganAtMs = performance.now();
        const isRefused = async () => await use(wrong.port, pair.access) === "session_revoked";
        await until(isRefused, "refused", BOUND_MS);
        report(
          `clock set by ${minutes} min: refused after ${
            (performance.now() - beganAtMs).toFixed(0)
          } ms`,
        );
        for (const { port } of [right, wrong]) {
          const answer = await post(port, "/api/token/refresh/", { refresh: pair.refresh });
          assert.equal(answer.status, 401);
          await answer.body?.cancel();
        }
        await setClock(0);
        assert.equal(await isRefused(), true, "and still, when it is right again");
        await setClock(minutes * 60);
        // Who did nothing wrong goes on, at either of them.
        let { refresh } = other;
        for (const { port } of [wrong, right, wrong, right]) {
          const answer = await post(port, "/api/token/refresh/", { refresh });
          assert.equal(answer.status, 200, `${minutes} min: ${await answer.clone().text()}`);
          const next: { access: string; refresh: string } = await answer.json();
          assert.equal(await use(port, next.access), "admitted");
          refresh = next.refresh;
        }
      }
    } finally {
      await right.stop();
      await wrong.stop();
      await backend.stop();
      await Deno.remove(folder, { recursive: true });
    }
  },
});
