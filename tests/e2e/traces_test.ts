/** Spans as a collector gets them from a gateway process. */
import assert from "node:assert/strict";
import { PEOPLE, startBackend } from "../support/backend.ts";
import { denoHarness, runToEnd, startGatewayProcess } from "../support/gateway_process.ts";
import { generateKeySet } from "../../src/tokens/key_ring.ts";
import { until } from "../support/until.ts";

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { code?: number };
  readonly attributes: readonly { key: string; value: Record<string, string> }[];
}

/** A collector that keeps what it gets, as text and as spans. */
function startCollector() {
  const spans: Span[] = [];
  let text = "";
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    assert.equal(new URL(request.url).pathname, "/v1/traces");
    assert.equal(request.headers.get("x-key"), "a b");
    const body = await request.text();
    text += body;
    for (const { scopeSpans } of JSON.parse(body).resourceSpans) {
      for (const each of scopeSpans) spans.push(...each.spans);
    }
    return Response.json({});
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    spans,
    text: () => text,
    stop: () => server.shutdown(),
  };
}

const attribute = ({ attributes }: Span, name: string) =>
  Object.values(attributes.find(({ key }) => key === name)?.value ?? {})[0];

Deno.test("what the upstream is told belongs to a span that is exported, and no secret is in any", async () => {
  const collector = startCollector();
  const backend = startBackend();
  const store = await denoHarness.store();
  const gateway = await startGatewayProcess({
    config: {
      trustedProxies: ["127.0.0.1"],
      identity: { kind: "upstream", url: `${backend.url}/login`, subject: "/user/id" },
      store: store.config,
      upstreams: { app: { targets: [backend.url] } },
      routes: [{ path: "/*", upstream: "app" }],
    },
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
      OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%20b",
    },
  });
  const base = `http://127.0.0.1:${gateway.port}`;
  const { access } = await (await fetch(`${base}/api/token/`, {
    method: "POST",
    body: new URLSearchParams({ username: "ada", password: PEOPLE.ada.password }),
  })).json();
  const [traceId, parentId] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
  const get = async (path: string, headers: Record<string, string>) => {
    const response = await fetch(base + path, { headers });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(
    await get("/things/secret-path?code=SECRET-CODE&state=SECRET-STATE", {
      authorization: `Bearer ${access}`,
      traceparent: `00-${traceId}-${parentId}-01`,
    }),
    200,
  );
  assert.equal(await get("/private", {}), 401);
  assert.equal(
    await get("/unsampled", {
      authorization: `Bearer ${access}`,
      traceparent: `00-${traceId.replace("0af", "0bf")}-${parentId}-00`,
    }),
    200,
  );
  assert.equal(await get("/auth/oidc/work/callback?code=SECRET-CODE", {}), 404);
  assert.equal(await gateway.stop(), 0, "the last spans leave before the end");

  await until(() => collector.spans.length >= 5, "the collector has them");
  const seen = backend.seen.find(({ target }) => target.startsWith("/things/"));
  const told = seen?.headers.get("traceparent") ?? "";
  const [, tracePart, spanPart] = told.split("-");
  assert.equal(tracePart, traceId);
  const client = collector.spans.find(({ spanId }) => spanId === spanPart) ?? assert.fail(told);
  assert.deepEqual([client.kind, client.name, client.traceId], [3, "GET app", traceId]);
  const server = collector.spans.find(({ spanId }) => spanId === client.parentSpanId) ??
    assert.fail("the span of the request itself is there");
  assert.deepEqual([server.kind, server.name, server.parentSpanId], [2, "GET /*", parentId]);
  assert.equal(attribute(server, "http.route"), "/*");
  assert.equal(attribute(server, "http.response.status_code"), "200");
  assert.ok(BigInt(client.startTimeUnixNano) >= BigInt(server.startTimeUnixNano));
  assert.ok(BigInt(client.endTimeUnixNano) <= BigInt(server.endTimeUnixNano));
  const nowMs = BigInt(Date.now());
  assert.ok(nowMs - BigInt(server.startTimeUnixNano) / 1_000_000n < 60_000n, "in our time");

  const refused = collector.spans.filter((span) =>
    attribute(span, "http.response.status_code") === "401"
  );
  assert.equal(refused.length, 1);
  const [turnedAway] = refused;
  assert.ok(turnedAway !== undefined);
  assert.deepEqual(
    ["postern.decision", "error.type", "http.route"].map((name) => attribute(turnedAway, name)),
    ["refused", "token_missing", "/*"],
  );
  assert.deepEqual(turnedAway.status, {}, "who is turned away is no failure of the server");
  assert.equal(attribute(server, "postern.decision"), "allowed");
  const own = collector.spans.find(({ name }) => name === "POST") ?? assert.fail("the sign-in");
  assert.equal(attribute(own, "postern.decision"), "own");
  assert.ok(
    !collector.text().includes("0bf7651916"),
    "what the caller does not record is not sent",
  );

  const { seen: requests } = backend;
  assert.ok(requests.length > 0);
  for (const secret of ["SECRET", "secret-path", access, PEOPLE.ada.password, "code=", "u-1"]) {
    assert.ok(!collector.text().includes(secret), secret);
  }
  await Promise.all([collector.stop(), backend.stop(), store.stop()]);
});

Deno.test("a collector that is away costs one warning, and no request", async () => {
  const backend = startBackend();
  const store = await denoHarness.store();
  const gateway = await startGatewayProcess({
    config: {
      identity: { kind: "upstream", url: `${backend.url}/login`, subject: "/user/id" },
      store: store.config,
      upstreams: { app: { targets: [backend.url] } },
      routes: [{ path: "/*", upstream: "app", auth: "none" }],
    },
    env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://127.0.0.1:9/v1/traces" },
  });
  for (let index = 0; index < 20; index += 1) {
    const response = await fetch(`http://127.0.0.1:${gateway.port}/x`);
    assert.equal(response.status, 200);
    await response.body?.cancel();
  }
  await until(() => gateway.logs().includes("spans can not be exported"), "it is said", 20_000);
  assert.equal(gateway.logs().split("spans can not be exported").length, 2, "once");
  assert.equal(await gateway.stop(), 0);
  await Promise.all([backend.stop(), store.stop()]);
});

Deno.test("Deno's own exporter is refused: its spans hold whole URLs", async () => {
  const { code, output } = await runToEnd(["start"], {
    POSTERN_KEYS: JSON.stringify(await generateKeySet()),
    POSTERN_ADMIN: "off",
    POSTERN_CONFIG: JSON.stringify({
      origin: "http://localhost:1",
      identity: { kind: "upstream", url: "http://127.0.0.1:1/login", subject: "/id" },
      upstreams: { app: { targets: ["http://127.0.0.1:1"] } },
      routes: [{ path: "/*", upstream: "app" }],
    }),
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
  });
  assert.equal(code, 1);
  assert.match(output, /OTEL_DENO: its spans hold whole URLs/);
});
