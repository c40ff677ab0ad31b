/**
 * Whatever clients and servers do to each other, in whatever mixture: in the end
 * no place is taken and no target is on trial.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { createDenoTransports } from "../../src/runtime/deno/transport.ts";
import { openUpstream } from "../../src/upstream/open.ts";
import { DEFAULT_CONNECTION } from "../../src/upstream/options.ts";
import { startScripted } from "../support/scripted_server.ts";
import { until } from "../support/until.ts";

/** What the server does with a request, named by its path. */
const SERVER = {
  "/ok": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
  "/large": `HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${"x".repeat(200_000)}`,
  "/chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
  "/endless": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
  "/short": "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok",
  "/999": "HTTP/1.1 999 No\r\nContent-Length: 2\r\n\r\nno",
  "/garbage": "not HTTP at all\r\n\r\n",
  "/101": "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
  "/503": "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
  "/silent": null,
  "/cut": "",
} as const;

interface Play {
  readonly path: string;
  readonly method: string;
  readonly body: string;
  /** When the client leaves; 0: never. */
  readonly leavesAfterMs: number;
  readonly reading: string;
  readonly upgrades: boolean;
}

const request: fc.Arbitrary<Play> = fc.record({
  path: fc.constantFrom(...Object.keys(SERVER)),
  method: fc.constantFrom("GET", "POST", "HEAD", "DELETE", "BAD METHOD"),
  body: fc.constantFrom("none", "whole", "short", "stalled", "broken", "large"),
  leavesAfterMs: fc.constantFrom(0, 0, 0, 5, 30, 120),
  reading: fc.constantFrom("all", "some", "nothing yet"),
  upgrades: fc.boolean(),
});

const encoder = new TextEncoder();

function bodyOf(kind: string): { stream: ReadableStream<Uint8Array>; bytes: number | null } | null {
  switch (kind) {
    case "none":
      return null;
    case "whole":
      return { stream: ReadableStream.from([encoder.encode("hello")]), bytes: 5 };
    case "short":
      return { stream: ReadableStream.from([encoder.encode("hello")]), bytes: 50 };
    case "large":
      return { stream: ReadableStream.from([new Uint8Array(5_000)]), bytes: null };
    default:
      return {
        stream: new ReadableStream({
          start(controller) {
            controller.enqueue(encoder.encode("hello"));
            if (kind === "broken") setTimeout(() => controller.error(new Error("gone")), 10);
          },
        }),
        bytes: 50,
      };
  }
}

Deno.test("in the end no place is taken, whatever everybody did", async () => {
  const server = startScripted(async (connection) => {
    while (true) {
      const head = await connection.readUntil("\r\n\r\n");
      const answer = SERVER[head.split(" ")[1] as keyof typeof SERVER] ?? SERVER["/ok"];
      if (answer === "") return;
      if (answer !== null) await connection.write(answer);
    }
  });
  const upstream = openUpstream({
    name: "app",
    targets: [server.url, "http://127.0.0.1:9", server.url.replace("127.0.0.1", "localhost")],
    timeoutMs: 150,
    idleTimeoutMs: 150,
    maxConcurrent: 40,
    host: "target",
    health: null,
    ejection: { failures: 3, forMs: 50, statuses: new Set([503]) },
    tls: null,
    connection: DEFAULT_CONNECTION,
  }, createDenoTransports());

  async function play(each: Play): Promise<void> {
    const { path, method, leavesAfterMs, reading, upgrades } = each;
    const client = new AbortController();
    if (leavesAfterMs > 0) setTimeout(() => client.abort(), leavesAfterMs);
    if (upgrades) {
      // The client's half is never reached: no answer of this server is a handshake's.
      const outcome = await upstream.connect({
        request: new Request("http://localhost/", { signal: client.signal }),
        target: path,
        headers: [["sec-websocket-protocol", "a, a, b"]],
        passBack: (headers) => headers,
        attach: null,
      });
      if (outcome.kind === "answered" && outcome.answer.body instanceof ReadableStream) {
        await outcome.answer.body.cancel();
      }
      return;
    }
    const body = bodyOf(each.body);
    const outcome = await upstream.forward({
      method,
      target: path,
      headers: [],
      body: body?.stream ?? null,
      bodyBytes: body?.bytes ?? null,
      maxBodyBytes: 1_000,
      client,
      tie: null,
    });
    if (outcome.kind !== "answered" || !(outcome.answer.body instanceof ReadableStream)) return;
    const reader = outcome.answer.body.getReader();
    // Like a server: whoever has stopped listening cancels.
    if (reading === "all") {
      while (!(await reader.read().catch(() => ({ done: true }))).done);
    } else {
      if (reading === "some") await reader.read().catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 20));
      await reader.cancel().catch(() => {});
    }
  }

  try {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 20, maxLength: 40 }), async (requests) => {
        await Promise.all(requests.map(play));
        await until(
          () => upstream.targets().every(({ underWay }) => underWay === 0),
          "every place is given back",
        );
      }),
      { numRuns: 12 },
    );
    await until(async () => {
      const outcome = await upstream.forward({
        method: "GET",
        target: "/ok",
        headers: [],
        body: null,
        bodyBytes: null,
        maxBodyBytes: 1,
        client: new AbortController(),
        tie: null,
      });
      return outcome.kind === "answered";
    }, "and it is asked again");
    assert.ok(server.connections() > 10);
  } finally {
    await server.stop();
  }
});
