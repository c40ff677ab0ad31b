/** The admin listener of a real gateway process: what it shows, ends and refuses. */
import assert from "node:assert/strict";
import { PEOPLE, startBackend } from "../support/backend.ts";
import {
  denoHarness,
  type GatewayProcess,
  runToEnd,
  startGatewayProcess,
} from "../support/gateway_process.ts";
import { freePort } from "../support/ports.ts";
import { promtool } from "../support/promtool.ts";
import { until } from "../support/until.ts";
import { generateKeySet } from "../../src/tokens/key_ring.ts";

async function withGateway(
  act: (gateway: GatewayProcess & { admin: string }) => Promise<void>,
  env: Record<string, string> = {},
): Promise<void> {
  const backend = startBackend();
  const store = await denoHarness.store();
  const gateway = await startGatewayProcess({
    config: {
      identity: { kind: "upstream", url: `${backend.url}/login`, subject: "/user/id" },
      store: store.config,
      upstreams: { app: { targets: [backend.url] } },
      routes: [{ path: "/*", upstream: "app" }],
    },
    env,
  });
  try {
    await act({ ...gateway, admin: gateway.admin ?? assert.fail() });
  } finally {
    await gateway.stop();
    await store.stop();
    await backend.stop();
  }
}

async function signIn(gateway: GatewayProcess, name: keyof typeof PEOPLE): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${gateway.port}/api/token/`, {
    method: "POST",
    body: new URLSearchParams({ username: name, password: PEOPLE[name].password }),
  });
  assert.equal(response.status, 200);
  return (await response.json()).access;
}

async function statusWith(gateway: GatewayProcess, access: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${gateway.port}/api`, {
    headers: { authorization: `Bearer ${access}` },
  });
  await response.body?.cancel();
  return response.status;
}

// deno-lint-ignore no-explicit-any
async function json(url: string, init: RequestInit = {}): Promise<any> {
  const response = await fetch(url, init);
  return await response.json();
}

Deno.test("an operator sees who is signed in, ends it, and it holds at once", async () => {
  await withGateway(async (gateway) => {
    const access = await signIn(gateway, "ada");
    assert.equal(await statusWith(gateway, access), 200);
    const subject = PEOPLE.ada.id;
    const list = await json(`${gateway.admin}/v1/sessions?subject=${subject}`);
    assert.equal(list.sessions.length, 1);
    const { sid } = list.sessions[0];
    const ended = await fetch(`${gateway.admin}/v1/sessions/${sid}`, { method: "DELETE" });
    assert.equal(ended.status, 204);
    assert.equal(await statusWith(gateway, access), 401);
    const { events } = await json(`${gateway.admin}/v1/events?limit=5`);
    assert.ok(events.some((event: { action?: string }) => event.action === "session_revoked"));
    const line = /"event":"admin_action","requestId":"[^"]+","client":"127/;
    await until(() => line.test(gateway.logs()), "the audit log has it");
    const { revocations } = await json(`${gateway.admin}/v1/revocations`);
    assert.ok(revocations.some(({ of }: { of: string }) => of === sid));
  });
});

Deno.test("one command signs everybody out, another one person, another one token; dry runs count", async () => {
  await withGateway(async (gateway) => {
    const revoke = (body: unknown) =>
      json(`${gateway.admin}/v1/revocations`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    const [ada, ada2, bob] = [
      await signIn(gateway, "ada"),
      await signIn(gateway, "ada"),
      await signIn(gateway, "bob"),
    ];
    const standing = () =>
      Promise.all([ada, ada2, bob].map((access) => statusWith(gateway, access)));
    const subject = PEOPLE.ada.id;
    assert.equal((await revoke({ subject, dryRun: true })).count, 2);
    assert.deepEqual(await standing(), [200, 200, 200]);
    const { jti } = JSON.parse(atob(ada.split(".")[1] ?? ""));
    await revoke({ jti });
    assert.deepEqual(await standing(), [401, 200, 200]);
    assert.equal((await revoke({ subject })).count, 2);
    assert.deepEqual(await standing(), [401, 401, 200]);
    const issuedBefore = new Date().toISOString();
    assert.equal((await revoke({ issuedBefore, dryRun: true })).count, 1);
    assert.equal((await revoke({ issuedBefore })).count, 1);
    assert.deepEqual(await standing(), [401, 401, 401]);
    const { sessions } = await json(`${gateway.admin}/v1/sessions`);
    assert.deepEqual(sessions, []);
    assert.equal(await statusWith(gateway, await signIn(gateway, "bob")), 200);
    await until(async () => {
      // Without traffic nobody asks for the feed.
      await statusWith(gateway, bob);
      const text = await (await fetch(`${gateway.admin}/metrics`)).text();
      return /^postern_revocation_propagation_seconds_count [1-9]/m.test(text);
    }, "what was revoked came back through the feed");
  });
});

Deno.test("metrics of a gateway under traffic pass promtool, and say what happened", async () => {
  await withGateway(async (gateway) => {
    const access = await signIn(gateway, "ada");
    for (let index = 0; index < 20; index += 1) await statusWith(gateway, access);
    await statusWith(gateway, "nonsense");
    const text = await (await fetch(`${gateway.admin}/metrics`)).text();
    const { code, output } = await promtool(["check", "metrics"], text);
    assert.equal(code, 0, output);
    const value = (line: string) => {
      const found = text.split("\n").find((each) => each.startsWith(`${line} `));
      return Number(found?.slice(line.length + 1));
    };
    assert.equal(value('postern_proxied_requests_total{upstream="app",status="200"}'), 20);
    const labels = 'route="/*",upstream="app",method="GET",status_class="2xx"';
    assert.equal(value(`postern_http_request_duration_seconds_count{${labels}}`), 20);
    assert.equal(value("postern_gateway_overhead_seconds_count"), 20);
    assert.ok(value("postern_gateway_overhead_seconds_sum") > 0);
    assert.ok(
      value('postern_store_command_duration_seconds_count{command="open",result="ok"}') > 0,
    );
    assert.equal(value('postern_denied_total{code="token_invalid"}'), 1);
    assert.equal(value('postern_sign_ins_total{source="password",result="accepted"}'), 1);
    assert.equal(value('postern_sign_in_duration_seconds_count{source="password"}'), 1);
    assert.match(text, /^postern_upstream_target_healthy\{upstream="app",target="[^"]+"\} 1$/m);
    assert.equal(value('postern_requests_in_flight{upstream="app"}'), 0);
    assert.ok(value("postern_revocation_view_age_seconds") < 60);
    assert.match(text, /^postern_build_info\{version="\d+\.\d+\.\d+",runtime="deno \d/m);
    assert.match(text, /^postern_config_info\{hash="[0-9a-f]{64}"\} 1$/m);
  });
});

Deno.test("where a token is set it is asked for; where others can connect it has to be set", async () => {
  const token = "s3cret-".padEnd(40, "x");
  await withGateway(async ({ admin }) => {
    const status = async (init?: RequestInit) => {
      const response = await fetch(`${admin}/v1/keys`, init);
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await status(), 401);
    assert.equal(await status({ headers: { authorization: `Bearer ${token}` } }), 200);
    const probe = await fetch(`${admin}/readyz`);
    assert.equal(probe.status, 200, "probes carry no token");
    await probe.body?.cancel();
  }, { POSTERN_ADMIN_TOKEN: `grace:${token}` });

  const config = {
    origin: "https://app.example.com",
    identity: { kind: "upstream", url: "http://127.0.0.1:1/login", subject: "/id" },
    upstreams: { app: { targets: ["http://127.0.0.1:1"] } },
    routes: [{ path: "/*", upstream: "app" }],
  };
  const start = (env: Record<string, string>, admin?: unknown) =>
    generateKeySet().then((keys) =>
      runToEnd(["start"], {
        POSTERN_CONFIG: JSON.stringify({ ...config, ...(admin === undefined ? {} : { admin }) }),
        POSTERN_KEYS: JSON.stringify(keys),
        POSTERN_PORT: String(freePort()),
        ...env,
      })
    );
  const open = await start({}, { listen: `0.0.0.0:${freePort()}` });
  assert.equal(open.code, 1);
  assert.match(open.output, /admin\.listen: "0\.0\.0\.0:\d+" can be reached by others/);
  const wrong = await start({}, { listen: "8788" });
  assert.match(wrong.output, /admin\.listen: must be an address with a port/);
  const short = await start({ POSTERN_ADMIN: "127.0.0.1:1", POSTERN_ADMIN_TOKEN: "short" });
  assert.match(short.output, /POSTERN_ADMIN_TOKEN\[0\]: has 5 characters and needs at least 32/);
  assert.doesNotMatch(short.output, /\n\s+at .*:\d+:\d+/, "a stack trace");
});

Deno.test("a Unix socket is the owner's alone, and replaces one that was left behind", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-admin-" });
  const path = `${folder}/admin.sock`;
  const stale = Deno.listen({ transport: "unix", path });
  stale.close();
  await withGateway(async () => {
    const { mode } = await Deno.stat(path);
    assert.equal((mode ?? 0) & 0o077, 0);
    const { stdout } = await new Deno.Command("curl", {
      args: ["-sS", "--unix-socket", path, "http://localhost/v1/status"],
    }).output();
    const status = JSON.parse(new TextDecoder().decode(stdout));
    assert.equal(status.ready.ready, true);
  }, { POSTERN_ADMIN: `unix:${path}` });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a Unix socket that another process has taken over stays there", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-admin-" });
  const path = `${folder}/admin.sock`;
  const answers = async () => {
    const { stdout } = await new Deno.Command("curl", {
      args: ["-sS", "--unix-socket", path, "http://localhost/livez"],
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout) === '{"status":"ok"}';
  };
  const takenOver = Promise.withResolvers<void>();
  const older = withGateway(() => takenOver.promise, { POSTERN_ADMIN: `unix:${path}` });
  await until(answers, "the first one answers", 60_000);
  await withGateway(async () => {
    takenOver.resolve();
    await older;
    assert.ok(await answers(), "the second one answers, now that the first is gone");
  }, { POSTERN_ADMIN: `unix:${path}` });
  await Deno.remove(folder, { recursive: true });
});
