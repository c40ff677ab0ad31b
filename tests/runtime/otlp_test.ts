import assert from "node:assert/strict";
import { createSpanExporter } from "../../src/runtime/deno/otlp.ts";
import { until } from "../support/until.ts";

Deno.test("a collector that is slow costs spans, not memory", async () => {
  let received = 0;
  let isHeld = true;
  let release = () => {};
  const held = new Promise<void>((resolve) => release = resolve);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const document = await request.json();
    received += document.resourceSpans[0].scopeSpans[0].spans.length;
    if (isHeld) await held;
    return new Response();
  });
  const exporter = createSpanExporter(
    { url: `http://127.0.0.1:${server.addr.port}/`, headers: {} },
    "test",
    assert.fail,
  );
  const SPANS = 100_000;
  for (let index = 0; index < SPANS; index++) {
    exporter.sink({
      traceId: "0".repeat(32),
      spanId: "0".repeat(16),
      parentId: null,
      kind: "server",
      method: "GET",
      route: "/*",
      upstream: null,
      status: 200,
      error: null,
      decision: null,
      beganAtMs: 0,
      endedAtMs: 1,
    });
    if (index === 1_000) await until(() => received > 0, "the first ones are on their way");
  }
  isHeld = false;
  release();
  await exporter.close();
  assert.ok(received >= 4_096 && received < 6_000, `${received} of ${SPANS} spans were kept`);
  await server.shutdown();
});
