/**
 * Bodies in both directions, in front of raw sockets where `fetch` would tidy up.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { denoHarness } from "../support/gateway_process.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { report } from "../support/report.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A Node.js upstream: unlike Deno's server it sends what it is told to send. */
async function withUpstream(
  handler: Handler,
  test: (gateway: TestGateway) => Promise<void>,
  config: Record<string, unknown> = {},
): Promise<void> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const gateway = await startGateway({
    upstream: `http://127.0.0.1:${port}`,
    config: { routes: [{ path: "/*", upstream: "app", auth: "none" }], ...config },
  });
  try {
    await test(gateway);
  } finally {
    // First: the gateway lets requests under way finish.
    server.closeAllConnections();
    await gateway.stop();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`still not: ${what}`);
}

/** Sends bytes as they are and reads until the connection ends. */
async function raw(gateway: TestGateway, text: string): Promise<string> {
  const { hostname, port } = new URL(gateway.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(new TextEncoder().encode(text));
  return await new Response(connection.readable).text();
}

Deno.test("an answer arrives chunk by chunk while the upstream is still writing", async () => {
  let write: (text: string) => void = () => {};
  let end = () => {};
  await withUpstream((_request, response) => {
    response.writeHead(200, { "content-type": "application/octet-stream" });
    response.flushHeaders();
    write = (text) => response.write(text);
    end = () => response.end();
  }, async (gateway) => {
    const answer = await fetch(gateway.url);
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (const text of ["one", "two", "three"]) {
      write(text);
      assert.equal((await reader.read()).value, text);
    }
    end();
    assert.equal((await reader.read()).done, true);
  });
});

Deno.test("an upload arrives chunk by chunk while the client is still sending", async () => {
  const chunks: string[] = [];
  await withUpstream((request, response) => {
    request.on("data", (chunk: Uint8Array) => chunks.push(new TextDecoder().decode(chunk)));
    request.on("end", () => response.end(chunks.join("|")));
  }, async (gateway) => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const answering = fetch(gateway.url, { method: "POST", body: readable });
    const writer = writable.getWriter();
    for (const [index, text] of ["one", "two", "three"].entries()) {
      await writer.write(new TextEncoder().encode(text));
      await until(() => chunks.length === index + 1, `chunk ${index + 1} at the upstream`);
    }
    await writer.close();
    assert.equal(await (await answering).text(), "one|two|three");
  });
});

Deno.test("the length of an upload reaches the upstream (a chunked body is empty to old WSGI servers)", () =>
  withUpstream((request, response) => {
    response.end(
      JSON.stringify({
        length: request.headers["content-length"] ?? null,
        encoding: request.headers["transfer-encoding"] ?? null,
      }),
    );
    request.resume();
  }, async (gateway) => {
    const answer = await fetch(gateway.url, { method: "POST", body: "x".repeat(1000) });
    assert.deepEqual(await answer.json(), { length: "1000", encoding: null });
    const empty = await fetch(gateway.url, { method: "POST" });
    assert.equal((await empty.json()).encoding, null);
  }));

Deno.test("memory stays flat while 1 GiB goes up and while 1 GiB comes down", async () => {
  const total = 1024 * 1024 * 1024;
  const chunk = new Uint8Array(256 * 1024);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    if (request.method === "GET") {
      let left = total;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (left === 0) return controller.close();
          controller.enqueue(chunk.slice());
          left -= chunk.length;
        },
      }, { highWaterMark: 0 });
      return new Response(body, { headers: { "content-length": String(total) } });
    }
    let received = 0;
    for await (const data of request.body ?? []) received += data.length;
    return new Response(String(received));
  });
  const upstream = `http://127.0.0.1:${server.addr.port}`;
  const store = await denoHarness.store();
  const gateway = await denoHarness.start({
    config: {
      store: store.config,
      identity: { kind: "upstream", url: `${upstream}/login`, subject: "/id" },
      upstreams: { app: { targets: [upstream] } },
      routes: [{ path: "/*", upstream: "app", auth: "none" }],
    },
  });
  const file = await Deno.makeTempFile();
  const before = residentBytes(gateway.pid());
  let peak = before;
  const sampler = setInterval(() => peak = Math.max(peak, residentBytes(gateway.pid())), 20);
  try {
    await Deno.truncate(file, total);
    assert.equal(await upload(gateway.url, `-T ${file}`), String(total));
    // From a pipe curl sends it chunked: the gateway counts such a body on its way.
    assert.equal(await upload(gateway.url, `-T - < ${file}`), String(total));
    const down = await fetch(gateway.url);
    let received = 0;
    for await (const data of down.body!) received += data.length;
    assert.equal(received, total);
  } finally {
    clearInterval(sampler);
    await Deno.remove(file);
    await gateway.stop();
    await store.stop();
    await server.shutdown();
  }
  const grownMiB = (peak - before) / 1024 / 1024;
  report(
    `1 GiB up, 1 GiB up in chunks, 1 GiB down: peak memory grew by ${grownMiB.toFixed(0)} MiB`,
  );
  assert.ok(grownMiB < 300, `memory grew by ${grownMiB} MiB`);
});

/** Posts as curl does it, and answers what the upstream counted. */
async function upload(url: string, source: string): Promise<string> {
  const command = `curl -sS -X POST ${source} ${url}/`;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", command] }).output();
  return new TextDecoder().decode(stdout);
}

/** What the kernel counts as resident, in bytes. */
function residentBytes(pid: number): number {
  const [, pages = "0"] = Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ");
  return Number(pages) * 4096;
}

Deno.test("an upload waits when the upstream does not read", async () => {
  await withUpstream((request) => void request.pause(), async (gateway) => {
    let sent = 0;
    const abort = new AbortController();
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const chunk = new Uint8Array(256 * 1024);
        sent += chunk.length;
        controller.enqueue(chunk);
      },
    }, { highWaterMark: 0 });
    const answering = fetch(gateway.url, { method: "POST", body, signal: abort.signal });
    let last = -1;
    await until(() => {
      const still = sent === last && sent > 0;
      last = sent;
      return still;
    }, "the upload stands still");
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes were taken for an upstream that reads none`);
    abort.abort();
    await assert.rejects(answering);
  });
});

Deno.test("a client that goes away before the answer cancels the upstream request", async () => {
  let arrived = false;
  let cancelled = false;
  await withUpstream((_request, response) => {
    arrived = true;
    response.on("close", () => cancelled = true);
  }, async (gateway) => {
    const abort = new AbortController();
    const answering = fetch(gateway.url, { signal: abort.signal });
    await until(() => arrived, "the request at the upstream");
    abort.abort();
    await assert.rejects(answering);
    await until(() => cancelled, "the upstream learns that nobody waits");
  });
});

Deno.test("a client that goes away during the answer cancels the upstream's writing", async () => {
  let cancelled = false;
  await withUpstream((_request, response) => {
    const timer = setInterval(() => response.write("x".repeat(1000)), 5);
    response.on("close", () => {
      clearInterval(timer);
      cancelled = true;
    });
  }, async (gateway) => {
    const answer = await fetch(gateway.url);
    const reader = answer.body!.getReader();
    await reader.read();
    await reader.cancel();
    await until(() => cancelled, "the upstream learns that nobody reads");
  });
});

Deno.test("an upstream that breaks off mid-body breaks off the answer; a small one is 502", async () => {
  for (const length of ["1000", "1000000", null]) {
    await withUpstream((_request, response) => {
      response.writeHead(200, length === null ? {} : { "content-length": length });
      response.write("half");
      setTimeout(() => response.destroy(), 20);
    }, async (gateway) => {
      const answer = await fetch(gateway.url);
      if (length === "1000") {
        assert.equal(answer.status, 502);
        assert.equal((await answer.json()).code, "upstream_unavailable");
        return;
      }
      assert.equal(answer.status, 200);
      await assert.rejects(answer.text(), `clean end, content-length: ${length}`);
    });
  }
});

Deno.test("HEAD, 204, 304 and empty answers keep their headers and have no body", () =>
  withUpstream((request, response) => {
    const status = Number(request.url?.slice(1));
    response.writeHead(status, {
      etag: '"abc"',
      ...(request.method === "HEAD" ? { "content-length": "1234" } : {}),
      ...(status === 200 && request.method === "GET" ? { "content-length": "0" } : {}),
    });
    response.end();
  }, async (gateway) => {
    for (
      const [method, status] of [["GET", 204], ["GET", 304], ["GET", 200], ["HEAD", 200]] as const
    ) {
      const answer = await fetch(`${gateway.url}/${status}`, { method });
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get("etag"), '"abc"');
      assert.equal(await answer.text(), "");
      if (method === "HEAD") assert.equal(answer.headers.get("content-length"), "1234");
    }
  }));

Deno.test("ranges, OPTIONS, several Set-Cookie and long URLs cross as they are", () =>
  withUpstream((request, response) => {
    if (request.method === "OPTIONS") {
      response.writeHead(204, { allow: "GET, OPTIONS" });
      return void response.end();
    }
    if (request.headers.range !== undefined) {
      assert.equal(request.headers.range, "bytes=2-4");
      response.writeHead(206, { "content-range": "bytes 2-4/10", "accept-ranges": "bytes" });
      return void response.end("234");
    }
    response.writeHead(200, { "set-cookie": ["a=1; Path=/", "b=2, 3; HttpOnly"] });
    response.end(String(request.url?.length));
  }, async (gateway) => {
    const part = await fetch(gateway.url, { headers: { range: "bytes=2-4" } });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get("content-range"), "bytes 2-4/10");
    assert.equal(await part.text(), "234");

    const options = await fetch(gateway.url, { method: "OPTIONS" });
    assert.equal(options.status, 204);
    assert.equal(options.headers.get("allow"), "GET, OPTIONS");

    const long = await fetch(`${gateway.url}/?q=${"x".repeat(7000)}`);
    assert.equal(await long.text(), String("/?q=".length + 7000));
    assert.deepEqual(long.headers.getSetCookie(), ["a=1; Path=/", "b=2, 3; HttpOnly"]);
  }));

Deno.test("a client that expects 100-continue gets to send its body", () =>
  withUpstream((request, response) => {
    let size = 0;
    request.on("data", (data: Uint8Array) => size += data.length);
    request.on("end", () => response.end(`got ${size}`));
  }, async (gateway) => {
    const answer = await raw(
      gateway,
      "POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n" +
        "Connection: close\r\n\r\nhello",
    );
    assert.match(answer, /got 5/);
  }));

Deno.test("headers with bytes beyond ASCII cross unchanged", async () => {
  let seen = "";
  await withUpstream((request, response) => {
    seen = String(request.headers["x-name"]);
    response.writeHead(200, { "x-name": "Grüße", connection: "close" });
    response.end();
  }, async (gateway) => {
    const { hostname, port } = new URL(gateway.url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const head =
      "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Name: Gr\xfc\xdfe\r\n\r\n";
    await connection.write(Uint8Array.from(head, (char) => char.charCodeAt(0)));
    const bytes = new Uint8Array(await new Response(connection.readable).arrayBuffer());
    assert.equal(seen, "Gr\xfc\xdfe");
    assert.match(String.fromCharCode(...bytes), /x-name: Gr\xfc\xdfe\r\n/i);
  });
});

/** An upstream that compresses as it is asked to; `/stubborn` always does. */
const compressing: Handler = (request, response) => {
  const accepted = String(request.headers["accept-encoding"] ?? "");
  const encoding = request.url === "/stubborn" || /gzip/.test(accepted)
    ? "gzip"
    : /br/.test(accepted)
    ? "br"
    : null;
  const plain = "hello ".repeat(100);
  const body = encoding === "gzip"
    ? gzipSync(plain)
    : encoding === "br"
    ? brotliCompressSync(plain)
    : plain;
  response.writeHead(200, {
    "content-type": "text/plain",
    "content-length": String(body.length),
    vary: "accept-encoding",
    etag: `"${encoding}"`,
    ...(encoding === null ? {} : { "content-encoding": encoding }),
  });
  response.end(body);
};

Deno.test("a client gets the encoding that the upstream would have given it, byte for byte", () =>
  withUpstream(compressing, async (gateway) => {
    const ask = async (path: string, accepted: string | null) => {
      const { hostname, port } = new URL(gateway.url);
      const connection = await Deno.connect({ hostname, port: Number(port) });
      const accept = accepted === null ? "" : `Accept-Encoding: ${accepted}\r\n`;
      const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${accept}Connection: close\r\n\r\n`;
      await connection.write(new TextEncoder().encode(head));
      const answer = Buffer.from(await new Response(connection.readable).arrayBuffer());
      const end = answer.indexOf("\r\n\r\n");
      return { head: answer.subarray(0, end).toString(), body: answer.subarray(end + 4) };
    };
    const plain = Buffer.from("hello ".repeat(100));
    for (
      const [path, accepted, encoding, expected] of [
        ["/", null, null, plain],
        ["/", "identity", null, plain],
        ["/", "gzip", "gzip", gzipSync(plain)],
        ["/", "gzip, br", "gzip", gzipSync(plain)],
        ["/", "br", "br", brotliCompressSync(plain)],
        // Some upstreams do not listen: the label must be true all the same.
        ["/stubborn", "identity", "gzip", gzipSync(plain)],
      ] as const
    ) {
      const { head, body } = await ask(path, accepted);
      assert.equal(/^content-encoding: (.*)$/im.exec(head)?.[1] ?? null, encoding, head);
      assert.match(head, new RegExp(`^content-length: ${expected.length}\r?$`, "im"));
      assert.match(head, new RegExp(`^etag: "${encoding}"\r?$`, "im"));
      assert.match(head, /^vary: accept-encoding\r?$/im);
      assert.deepEqual(body, expected, `${path} ${accepted}`);
    }
  }));
