import assert from "node:assert/strict";
import * as fc from "fast-check";
import { createGatewayMetrics, type GatewayMetrics } from "../../src/telemetry/metrics.ts";
import { MAX_LABEL_SETS, type Meter } from "../../src/telemetry/meter.ts";
import { createPromMeter } from "../../src/telemetry/prom_meter.ts";
import { createSmallMeter } from "../../src/telemetry/small_meter.ts";
import { promtool } from "../support/promtool.ts";

const METERS: readonly (readonly [string, () => Meter])[] = [
  ["prom-client", createPromMeter],
  ["the small meter", createSmallMeter],
];

const DEPLOY = new URL("../../deploy/", import.meta.url);

/** Metrics into which every kind of fact has been put. */
function full(meter: Meter): GatewayMetrics {
  const metrics = createGatewayMetrics(meter, { version: "1.2.3", runtime: "deno 2" });
  metrics.answered({
    route: "/api/*",
    upstream: "app",
    method: "BREW",
    status: 204,
    totalMs: 12,
    upstreamMs: 11.8,
    outcome: "answered",
  });
  metrics.event({ event: "refresh_reused", subject: "ada", sid: "s" });
  metrics.event({ event: "denied", code: "token_missing", method: "GET", path: "/" });
  metrics.store("rotate", "ok", 0.4);
  metrics.signIn("password", "rejected", 80);
  metrics.authenticated("cookie", "accepted");
  metrics.authenticated("cookie", "accepted");
  metrics.authenticated("none", "token_missing");
  metrics.sentToSignIn("token_missing");
  metrics.oidc("work", "exchange", "ok");
  metrics.event({ event: "provider_logout", provider: "work", scope: "session" });
  metrics.event({ event: "provider_logout_refused", provider: "work", reason: "aud" });
  metrics.backChannelLogoutFailed("work");
  metrics.revocationPropagated(1200);
  metrics.reloaded(false);
  const end = metrics.longLived("websocket");
  metrics.longLived("stream");
  end("revoked");
  end("revoked");
  metrics.watch({
    view: () => ({ ageMs: Infinity, entries: 3 }),
    targets: () => [
      { upstream: "app", target: "http://10.0.0.1:80", healthy: true, inFlight: 2 },
      { upstream: "app", target: "http://10.0.0.2:80", healthy: false, inFlight: 0 },
    ],
    keySets: () => [{ issuer: "work", ageMs: 90_000 }],
    signingKeys: () => [{ kid: "k1", ageMs: 86_400_000 }],
    configuration: () => ({ hash: "abc", sinceMs: 1_800_000_000_000 }),
  });
  return metrics;
}

for (const [name, createMeter] of METERS) {
  Deno.test(`${name}: promtool finds nothing to say against what is exported`, async () => {
    const text = await full(createMeter()).render();
    const { code, output } = await promtool(["check", "metrics"], text);
    assert.equal(output, "");
    assert.equal(code, 0);
  });

  Deno.test(`${name}: says what it was told`, async () => {
    const text = await full(createMeter()).render();
    for (
      const line of [
        'postern_proxied_requests_total{upstream="app",status="204"} 1',
        'postern_refreshes_total{result="reused"} 1',
        // Seen at 0 before it rises, or increase() would miss the first one.
        'postern_refreshes_total{result="replayed"} 0',
        'postern_denied_total{code="token_missing"} 1',
        'postern_authentications_total{transport="cookie",result="accepted"} 2',
        'postern_authentications_total{transport="bearer",result="accepted"} 0',
        'postern_authentications_total{transport="none",result="token_missing"} 1',
        'postern_login_redirects_total{reason="token_missing"} 1',
        'postern_oidc_requests_total{provider="work",operation="exchange",result="ok"} 1',
        'postern_back_channel_logouts_total{provider="work",result="accepted"} 1',
        'postern_back_channel_logouts_total{provider="work",result="refused"} 1',
        'postern_back_channel_logouts_total{provider="work",result="unavailable"} 1',
        'postern_jwks_age_seconds{issuer="work"} 90',
        'postern_signing_key_age_seconds{kid="k1"} 86400',
        'postern_long_lived_connections{kind="websocket"} 0',
        'postern_long_lived_connections{kind="stream"} 1',
        'postern_long_lived_ended_total{kind="websocket",reason="revoked"} 1',
        "postern_revocation_view_entries 3",
        "postern_revocation_view_age_seconds +Inf",
        'postern_upstream_target_healthy{upstream="app",target="http://10.0.0.2:80"} 0',
        'postern_requests_in_flight{upstream="app"} 2',
        "postern_config_last_reload_successful 0",
        'postern_config_info{hash="abc"} 1',
        'postern_build_info{version="1.2.3",runtime="deno 2"} 1',
        "postern_revocation_propagation_seconds_count 1",
        "postern_revocation_propagation_seconds_sum 1.2",
      ]
    ) {
      assert.ok(text.split("\n").includes(line), `${line}\n\n${text}`);
    }
    // A method is a client's word: only the known ones become labels.
    assert.doesNotMatch(text, /BREW/);
    assert.match(text, /method="other",status_class="2xx"/);
  });

  Deno.test(`${name}: a gauge that can not be read is left out, without the others`, async () => {
    const metrics = createGatewayMetrics(createMeter(), { version: "1", runtime: "r" });
    metrics.watch({
      view: () => {
        throw new Error("not there");
      },
    });
    const text = await metrics.render();
    assert.doesNotMatch(text, /^postern_revocation_view_entries /m);
    assert.match(text, /^postern_build_info\{/m);
  });

  Deno.test(`${name}: no label value can break out of its quotes`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), async (value) => {
        const meter = createMeter();
        meter.counter({ name: "a_total", help: "A.", labels: ["l"] })({ l: value })(1);
        const lines = (await meter.render()).split("\n").filter((line) =>
          line.startsWith("a_total")
        );
        assert.equal(lines.length, 1);
        const [, text = ""] = /^a_total\{l="((?:[^"\\\n]|\\[\\"n])*)"\} 1$/s.exec(lines[0] ?? "") ??
          assert.fail(lines[0]);
        const meaning = text.replace(/\\(.)/g, (_, char) => char === "n" ? "\n" : char);
        assert.equal(meaning, value);
      }),
      { numRuns: 200 },
    );
  });

  Deno.test(`${name}: labels that keep coming fall together in the end`, async () => {
    const meter = createMeter();
    const count = meter.counter({ name: "a_total", help: "A.", labels: ["l"] });
    for (let index = 0; index < MAX_LABEL_SETS + 500; index += 1) count({ l: `v${index}` })(1);
    const lines = (await meter.render()).split("\n").filter((line) => line.startsWith("a_total{"));
    assert.equal(lines.length, MAX_LABEL_SETS + 1);
    assert.ok(lines.includes('a_total{l="other"} 500'));
  });
}

Deno.test("prom-client: durations become histograms with the buckets that were asked for", async () => {
  const text = await full(createPromMeter()).render();
  const labels = 'le="0.025",route="/api/*",upstream="app",method="other",status_class="2xx"';
  assert.ok(text.includes(`postern_http_request_duration_seconds_bucket{${labels}} 1`), text);
  assert.match(text, /^postern_gateway_overhead_seconds_bucket\{le="0.00025"\} 1$/m);
  assert.match(text, /^postern_gateway_overhead_seconds_bucket\{le="0.0001"\} 0$/m);
});

Deno.test("the alert rules are sound, and fire when they should and only then", async () => {
  const rules = new URL("prometheus/alerts.yml", DEPLOY).pathname;
  const check = await promtool(["check", "rules", rules]);
  assert.equal(check.code, 0, check.output);
  const tests = new URL("prometheus/alerts_test.yml", DEPLOY).pathname;
  const run = await promtool(["test", "rules", tests]);
  assert.equal(run.code, 0, run.output);
});

Deno.test("rules and dashboard ask only for metrics that are exported", async () => {
  const exported = new Set(
    [...(await full(createPromMeter()).render()).matchAll(/^# TYPE (\S+) (\S+)/gm)]
      .flatMap(([, name, type]) =>
        type === "histogram" ? ["_bucket", "_count", "_sum"].map((end) => name + end) : [name]
      ),
  );
  for (const file of ["prometheus/alerts.yml", "grafana/postern.json"]) {
    const text = await Deno.readTextFile(new URL(file, DEPLOY));
    const names = new Set(text.match(/\bpostern_[a-z_]+/g));
    assert.ok(names.size > 5, file);
    for (const name of names) assert.ok(exported.has(name), `${file}: ${name}`);
  }
});
