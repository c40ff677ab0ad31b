/**
 * Clients that are slow, and the end of the process: nobody holds what others
 * need, and an ending is told to who is connected.
 */
import assert from "node:assert/strict";
import { startGatewayProcess } from "../../support/gateway_process.ts";
import { HOST, onEachRuntime, RUNTIMES, startStand, usualConfig } from "../../support/stand.ts";
import { until } from "../../support/until.ts";

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

onEachRuntime("slow clients", {}, async (stand, step) => {
  await step("the body of a sign-in has to come within seconds", async () => {
    const open = await Promise.all(
      ["/auth/login", "/api/token/", "/auth/revoke"].map(async (target) => {
        const wire = await stand.open();
        wire.send(stand.bytes({
          method: "POST",
          target,
          headers: [
            "Content-Type: application/json",
            "Content-Length: 100",
            "Origin: https://app.example.com",
          ],
          body: '{"username": "bob"',
        }));
        return { target, wire };
      }),
    );
    await Promise.all(open.map(async ({ target, wire }) => {
      const answer = await wire.next({ limitMs: 20_000 });
      wire.hangUp();
      assert.ok(answer.status >= 400 && answer.status < 600, `${target}: ${answer.status}`);
      assert.ok([400, 401, 403, 408, 413, 415].includes(answer.status), `${target}: ${answer.raw}`);
    }));
  });

  await step("headers beyond the runtime's limits are refused, and the limit is told", async () => {
    for (
      const headers of [
        Array.from({ length: 66 }, (_, index) => `X-Long-${index}: ${"v".repeat(1_000)}`),
        [`Cookie: big=${"c".repeat(70_000)}`],
        Array.from({ length: 128 }, (_, index) => `X-S-${index}: 1`),
        Array.from({ length: 110 }, (_, index) => `X-S-${index}: 1`),
      ]
    ) {
      const answer = await stand.get("/public/x", headers);
      assert.ok([400, 431, 200].includes(answer.status), `${headers.length}: ${answer.status}`);
    }
  });
});

Deno.test({
  name: "Deno: SIGTERM ends streams and sockets first, and the process soon",
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const stand = await startStand(RUNTIMES[0]!);
    stand.upstream.answer((request, socket) => {
      if (request.get("upgrade") !== null) return undefined;
      socket.write(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
      );
      const beat = setInterval(() => socket.write("9\r\ndata: x\n\n\r\n"), 100);
      socket.on("close", () => clearInterval(beat));
      return null;
    });
    const wire = await stand.open();
    wire.send(stand.bytes({ target: "/public/events" }));
    await until(() => wire.pending().includes("data: x"), "the stream runs");
    const began = performance.now();
    const ended = stand.stop();
    assert.ok(await wire.closed(12_000), "the stream is over");
    assert.ok(
      wire.pending().endsWith("0\r\n\r\n"),
      `it ends cleanly: ${wire.pending().slice(-30)}`,
    );
    await ended;
    const tookMs = performance.now() - began;
    assert.ok(tookMs < 15_000, `it took ${tookMs} ms`);
  },
});

Deno.test({
  name: "Deno: SIGHUP does not end the process",
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const gateway = await startGatewayProcess({
      config: {
        ...usualConfig("http://127.0.0.1:9", "http://127.0.0.1:9/login"),
        store: { kind: "sqlite", path: `${await Deno.makeTempDir()}/p.db` },
      },
    });
    try {
      Deno.kill(gateway.pid(), "SIGHUP");
      await wait(500);
      Deno.kill(gateway.pid(), "SIGHUP");
      await wait(500);
      const answer = await fetch(`http://127.0.0.1:${gateway.port}/auth/healthz`, {
        headers: { host: HOST },
      });
      await answer.body?.cancel();
      assert.ok(answer.status < 500);
    } finally {
      assert.equal(await gateway.stop(), 0);
    }
  },
});

Deno.test("what the runtime can not do stands in the README", async () => {
  const text = await Deno.readTextFile(new URL("../../../README.md", import.meta.url));
  const named: Readonly<Record<string, RegExp>> = {
    "interim answers (1xx)": /1xx|early hints|103/i,
    "half-closed clients": /half-closed clients/i,
    "slow heads": /slow heads/i,
  };
  const missing = Object.entries(named).filter(([, words]) => !words.test(text)).map(([what]) =>
    what
  );
  assert.deepEqual(missing, []);
  assert.doesNotMatch(text, /1xx to 5xx/, "interim answers do not pass");
});
