/**
 * What a request may be at most, and how long an upstream may take.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";
import type { RecordingUpstream } from "../support/upstream.ts";

const OPEN = [
  { path: "/small/*", upstream: "app", auth: "none", maxBody: "10B" },
  { path: "/*", upstream: "app", auth: "none" },
];

async function withGateway(
  config: Record<string, unknown>,
  test: (gateway: TestGateway, upstream: RecordingUpstream) => Promise<void>,
): Promise<void> {
  const upstream = startUpstream();
  const gateway = await startGateway({
    upstream: upstream.url,
    config: { routes: OPEN, ...config },
  });
  try {
    await test(gateway, upstream);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

async function assertProblem(response: Response, status: number, code: string): Promise<void> {
  assert.equal(response.status, status);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  assert.equal((await response.json()).code, code);
}

function chunks(count: number, size: number): ReadableStream<Uint8Array> {
  let left = count;
  return new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(new Uint8Array(size).fill(120));
      else controller.close();
    },
  });
}

/** Sends bytes as they are and reads until the connection ends. */
async function raw(gateway: TestGateway, text: string): Promise<string> {
  const { hostname, port } = new URL(gateway.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(new TextEncoder().encode(text));
  return await new Response(connection.readable).text();
}

Deno.test("a body that is declared too large is refused before the upstream hears of it", async () => {
  await withGateway({ limits: { body: "1KiB" } }, async (gateway, upstream) => {
    const post = (path: string, size: number) =>
      fetch(gateway.url + path, { method: "POST", body: "x".repeat(size) });
    await assertProblem(await post("/", 1025), 413, "payload_too_large");
    await assertProblem(await post("/small/x", 11), 413, "payload_too_large");
    assert.equal(upstream.seen.length, 0);
    for (const [path, size] of [["/", 1024], ["/small/x", 10]] as const) {
      assert.equal((await (await post(path, size)).json()).body.length, size);
    }
    // The length crossed: many backends read no chunks.
    assert.equal(upstream.seen[0]?.headers.get("content-length"), "1024");
  });
});

Deno.test("a body of unknown length is counted, and broken off when it grows too large", async () => {
  await withGateway({ limits: { body: "64KiB" } }, async (gateway) => {
    const post = (count: number) =>
      fetch(gateway.url, { method: "POST", body: chunks(count, 1024) });
    assert.equal((await (await post(64)).json()).body.length, 64 * 1024);
    await assertProblem(await post(65), 413, "payload_too_large");
  });
});

Deno.test("a URL that is too long is 414, headers that are too many or too large are 431", async () => {
  const limits = { url: "1KiB", headerBytes: "4KiB", headerCount: 20 };
  await withGateway({ limits }, async (gateway, upstream) => {
    await assertProblem(await fetch(`${gateway.url}/${"a".repeat(1024)}`), 414, "url_too_long");
    await assertProblem(
      await fetch(gateway.url, { headers: { "x-large": "y".repeat(4096) } }),
      431,
      "headers_too_large",
    );
    const many = Array.from({ length: 20 }, (_, index): [string, string] => [`x-${index}`, "1"]);
    await assertProblem(await fetch(gateway.url, { headers: many }), 431, "headers_too_large");
    assert.equal(upstream.seen.length, 0);
    const fine = await fetch(`${gateway.url}/${"a".repeat(900)}`, { headers: many.slice(0, 10) });
    assert.equal(fine.status, 200);
    await fine.body?.cancel();
  });
});

Deno.test("TRACE is 405 with Allow, CONNECT is 501; neither reaches an upstream", async () => {
  await withGateway({}, async (gateway, upstream) => {
    const { host } = new URL(gateway.url);
    const trace = await raw(
      gateway,
      `TRACE /x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    assert.match(trace, /^HTTP\/1\.1 405 /);
    assert.match(trace, /\r\nallow: GET, HEAD, POST/i);
    assert.match(trace, /"code":"method_not_allowed"/);
    const connect = await raw(
      gateway,
      `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    assert.match(connect, /^HTTP\/1\.1 (501|400) /);
    assert.equal(upstream.seen.length, 0);
  });
});

Deno.test("an upstream that does not begin to answer is 504", async () => {
  const upstream = startUpstream(() => new Promise<Response>(() => {}));
  const gateway = await startGateway({
    config: {
      routes: OPEN,
      upstreams: { app: { targets: [upstream.url], timeout: "100ms" } },
    },
  });
  try {
    await assertProblem(await fetch(gateway.url), 504, "upstream_timeout");
  } finally {
    await gateway.stop();
    void upstream.stop();
  }
});

Deno.test("an answer that pauses too long is broken off, never ended cleanly, a small one too", async () => {
  for (
    const head of ["Content-Length: 100", "Transfer-Encoding: chunked", "Content-Length: 900000"]
  ) {
    const piece = head.startsWith("Transfer") ? "5\r\nbegun\r\n" : "begun";
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const connections: Deno.Conn[] = [];
    const serving = (async () => {
      for await (const connection of listener) {
        connections.push(connection);
        await connection.read(new Uint8Array(4096));
        await connection.write(
          new TextEncoder().encode(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${piece}`),
        );
      }
    })();
    const gateway = await startGateway({
      config: {
        routes: OPEN,
        upstreams: {
          app: { targets: [`http://127.0.0.1:${listener.addr.port}`], idleTimeout: "200ms" },
        },
      },
    });
    try {
      const answer = await fetch(gateway.url);
      assert.equal(answer.status, 200);
      await assert.rejects(answer.text(), head);
    } finally {
      await gateway.stop();
      listener.close();
      await serving;
      for (const connection of connections) connection.close();
    }
  }
});

Deno.test("an answer that keeps coming may take longer than the idle timeout, and so may a slow client", async () => {
  const upstream = startUpstream(() => {
    let left = 12;
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          if (left-- > 0) controller.enqueue(new TextEncoder().encode("x"));
          else controller.close();
        },
      }),
    );
  });
  const gateway = await startGateway({
    config: {
      routes: OPEN,
      upstreams: { app: { targets: [upstream.url], idleTimeout: "400ms" } },
    },
  });
  try {
    assert.equal(await (await fetch(gateway.url)).text(), "x".repeat(12));
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});
