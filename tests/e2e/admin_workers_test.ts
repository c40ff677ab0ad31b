/** The admin API in workerd: off unless a token is set, and then for who has it. */
import assert from "node:assert/strict";
import { PEOPLE, startBackend } from "../support/backend.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { bundleWorker, workerdHarness } from "../support/workerd.ts";

const TOKEN = "t0ken-".padEnd(40, "x");

async function withWorker(
  act: (gateway: GatewayProcess) => Promise<void>,
  env: Record<string, string>,
): Promise<void> {
  const backend = startBackend();
  const store = await workerdHarness.store();
  const gateway = await workerdHarness.start({
    config: {
      identity: { kind: "upstream", url: `${backend.url}/login`, subject: "/user/id" },
      store: store.config,
      upstreams: { app: { targets: [backend.url] } },
      routes: [{ path: "/*", upstream: "app" }],
    },
    env: { ...store.env, ...env },
  });
  try {
    await act(gateway);
  } finally {
    await gateway.stop();
    await store.stop();
    await backend.stop();
  }
}

Deno.test("without the secret there is no admin API on Workers", async () => {
  await withWorker(async ({ port }) => {
    for (const path of ["/auth/admin/v1/sessions", "/auth/admin/readyz", "/auth/admin/metrics"]) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        headers: { authorization: `Bearer ${TOKEN}` },
      });
      assert.equal(response.status, 404, path);
      await response.body?.cancel();
    }
  }, {});
});

Deno.test("with the secret an operator sees and ends sessions on Workers", async () => {
  await withWorker(async ({ port }) => {
    const base = `http://127.0.0.1:${port}`;
    const admin = (path: string, init: RequestInit = {}) =>
      fetch(`${base}/auth/admin${path}`, {
        ...init,
        headers: { authorization: `Bearer ${TOKEN}` },
      });
    const without = await fetch(`${base}/auth/admin/v1/sessions`);
    assert.equal(without.status, 401);
    assert.equal((await without.json()).code, "admin_token_missing");

    const pair = await fetch(`${base}/api/token/`, {
      method: "POST",
      body: new URLSearchParams({ username: "ada", password: PEOPLE.ada.password }),
    });
    const { access } = await pair.json();
    const status = async () => {
      const response = await fetch(`${base}/api`, {
        headers: { authorization: `Bearer ${access}` },
      });
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await status(), 200);
    const { sessions } = await (await admin("/v1/sessions")).json();
    assert.equal(sessions.length, 1);
    assert.equal(
      (await admin(`/v1/sessions/${sessions[0].sid}`, { method: "DELETE" })).status,
      204,
    );
    assert.equal(await status(), 401);
    const state = await (await admin("/v1/status")).json();
    assert.equal(state.runtime, "workers");
    const reload = await admin("/v1/config/reload", { method: "POST" });
    assert.equal(reload.status, 501);
    await reload.body?.cancel();
    assert.match(await (await admin("/metrics")).text(), /^postern_build_info\{/m);
  }, { POSTERN_ADMIN_TOKEN: TOKEN });
});

Deno.test("neither the metrics library nor the dashboard is in the Worker", async () => {
  const bundle = await Deno.readTextFile(`${await bundleWorker()}/worker.js`);
  for (
    const word of ["AggregatorRegistry", "End many sessions", "Postern admin API", "prom-client"]
  ) {
    assert.ok(!bundle.includes(word), word);
  }
});
