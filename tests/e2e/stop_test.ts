/** How a gateway process ends: readiness first, what is open is told to go, requests finish. */
import assert from "node:assert/strict";
import { denoHarness, startGatewayProcess } from "../support/gateway_process.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { freePort } from "../support/ports.ts";
import { until } from "../support/until.ts";

/** A backend with an event stream, a WebSocket and a request that takes as long as it is told. */
function startEndless() {
  let release = () => {};
  const held = new Promise<void>((resolve) => release = resolve);
  const closes: number[] = [];
  let streams = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/slow") {
      await held;
      return new Response("finished");
    }
    if (pathname === "/socket") {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onclose = ({ code }) => closes.push(code);
      return response;
    }
    if (pathname === "/events") {
      streams += 1;
      let timer: ReturnType<typeof setInterval>;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          timer = setInterval(
            () => controller.enqueue(new TextEncoder().encode("data: tick\n\n")),
            50,
          );
        },
        cancel() {
          clearInterval(timer);
          streams -= 1;
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    }
    return new Response("ok");
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    release,
    closes,
    streams: () => streams,
    stop: () => server.shutdown(),
  };
}

async function withGateway(
  act: (
    gateway: GatewayProcess & { admin: string },
    backend: ReturnType<typeof startEndless>,
  ) => Promise<void>,
  settings: Record<string, unknown> = {},
): Promise<void> {
  const backend = startEndless();
  const store = await denoHarness.store();
  const gateway = await startGatewayProcess({
    config: {
      identity: { kind: "upstream", url: `${backend.url}/login`, subject: "/id" },
      store: store.config,
      upstreams: { app: { targets: [backend.url] } },
      routes: [{ path: "/*", upstream: "app", auth: "none" }],
      ...settings,
    },
  });
  try {
    await act({ ...gateway, admin: gateway.admin ?? assert.fail() }, backend);
  } finally {
    backend.release();
    await gateway.stop();
    await store.stop();
    await backend.stop();
  }
}

const base = (gateway: GatewayProcess) => `http://127.0.0.1:${gateway.port}`;

/** Reads a stream to its end; the promise has all of it. */
async function readWhole(url: string): Promise<{ first: Promise<void>; whole: Promise<string> }> {
  const response = await fetch(url);
  const begun = Promise.withResolvers<void>();
  const whole = (async () => {
    let text = "";
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += piece;
      begun.resolve();
    }
    return text;
  })();
  return { first: begun.promise, whole };
}

function openSocket(url: string): Promise<{ socket: WebSocket; closed: Promise<number> }> {
  const socket = new WebSocket(url);
  const closed = new Promise<number>((resolve) => socket.onclose = ({ code }) => resolve(code));
  return new Promise((resolve, reject) => {
    socket.onopen = () => resolve({ socket, closed });
    socket.onerror = () => reject(new Error("the WebSocket did not open"));
  });
}

Deno.test("SIGTERM with an open stream and a WebSocket: both are told to go, the process is gone in seconds", async () => {
  await withGateway(async (gateway, backend) => {
    const stream = await readWhole(`${base(gateway)}/events`);
    await stream.first;
    const { closed } = await openSocket(`ws://127.0.0.1:${gateway.port}/socket`);
    const metrics = await (await fetch(`${gateway.admin}/metrics`)).text();
    assert.match(metrics, /^postern_long_lived_connections\{kind="websocket"\} 1$/m);
    assert.match(metrics, /^postern_long_lived_connections\{kind="stream"\} 1$/m);

    const beganAtMs = performance.now();
    const code = await gateway.stop();
    assert.equal(code, 0);
    assert.ok(performance.now() - beganAtMs < 8_000, "it did not wait for its whole grace");
    assert.equal(await closed, 1001);
    // A clean end: what was sent has arrived whole.
    assert.match(await stream.whole, /^(?:data: tick\n\n)+$/);
    await until(() => backend.streams() === 0, "the upstream's stream is let go of");
    await until(() => backend.closes.length === 1, "the upstream's socket is closed");
    assert.match(gateway.logs(), /"event":"draining"/);
  }, { stop: { grace: "30s" } });
});

Deno.test("a request under way finishes although the process was asked to stop; new ones find nobody", async () => {
  await withGateway(async (gateway, backend) => {
    const slow = fetch(`${base(gateway)}/slow`).then((response) => response.text());
    await until(async () => {
      const text = await (await fetch(`${gateway.admin}/metrics`)).text();
      return text.includes("postern_build_info");
    }, "it answers");
    await new Promise((resolve) => setTimeout(resolve, 200));
    const stopped = gateway.stop();
    await until(() => refused(`${base(gateway)}/`), "no new requests are taken");
    backend.release();
    assert.equal(await slow, "finished");
    assert.equal(await stopped, 0);
  });
});

async function refused(url: string): Promise<boolean> {
  try {
    await (await fetch(url)).body?.cancel();
    return false;
  } catch {
    return true;
  }
}

Deno.test("readiness ends first: with a delay, requests are still taken while balancers notice", async () => {
  await withGateway(async (gateway) => {
    const stopped = gateway.stop();
    await until(async () => {
      const response = await fetch(`${gateway.admin}/readyz`);
      const { why } = await response.json();
      return response.status === 503 && why === "draining";
    }, "not ready any more");
    const response = await fetch(`${base(gateway)}/`);
    assert.equal(await response.text(), "ok");
    assert.equal(await stopped, 0);
  }, { stop: { delay: "1500ms" } });
});

Deno.test("a request that never ends does not hold the process past its grace", async () => {
  await withGateway(async (gateway) => {
    const slow = fetch(`${base(gateway)}/slow`).then((response) => response.text(), () => "cut");
    await new Promise((resolve) => setTimeout(resolve, 200));
    const beganAtMs = performance.now();
    assert.equal(await gateway.stop(), 0);
    assert.ok(performance.now() - beganAtMs < 8_000);
    assert.equal(await slow, "cut");
  }, { stop: { grace: "500ms" } });
});

Deno.test("SIGHUP never kills", async () => {
  await withGateway(async (gateway) => {
    for (let index = 0; index < 5; index += 1) {
      Deno.kill(gateway.pid(), "SIGHUP");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(await (await fetch(`${base(gateway)}/`)).text(), "ok");
  });
});

Deno.test("draining by the admin API lets go of what is open, and answers go on until the end", async () => {
  await withGateway(async (gateway) => {
    const { closed } = await openSocket(`ws://127.0.0.1:${gateway.port}/socket`);
    const drain = await fetch(`${gateway.admin}/v1/drain`, { method: "POST" });
    assert.equal(drain.status, 202);
    await drain.body?.cancel();
    assert.equal(await closed, 1001);
    const ready = await fetch(`${gateway.admin}/readyz`);
    assert.equal(ready.status, 503);
    await ready.body?.cancel();
    assert.equal(await (await fetch(`${base(gateway)}/`)).text(), "ok");
    // One that comes now is told at once.
    const late = await openSocket(`ws://127.0.0.1:${gateway.port}/socket`);
    assert.equal(await late.closed, 1001);
  });
});

Deno.test("the ports are free again right after the end", async () => {
  const port = freePort();
  const store = await denoHarness.store();
  for (let round = 0; round < 2; round += 1) {
    const gateway = await startGatewayProcess({
      port,
      config: {
        identity: { kind: "upstream", url: "http://127.0.0.1:9/login", subject: "/id" },
        store: store.config,
        upstreams: { app: { targets: ["http://127.0.0.1:9"] } },
        routes: [{ path: "/*", upstream: "app" }],
      },
    });
    assert.equal(await gateway.stop(), 0);
  }
  await store.stop();
});
