/**
 * An upstream through undici, in front of a server that says what it is told
 * to, byte for byte: what goes out, what comes back, what is sent twice, and
 * what is given back.
 */
import assert from "node:assert/strict";
import { createDenoTransports } from "../../src/runtime/deno/transport.ts";
import type { ForwardOutcome, OutgoingRequest } from "../../src/upstream/forward.ts";
import { openUpstream } from "../../src/upstream/open.ts";
import type { Upstream } from "../../src/upstream/open.ts";
import { DEFAULT_CONNECTION } from "../../src/upstream/options.ts";
import type { ConnectionOptions, UpstreamOptions } from "../../src/upstream/options.ts";
import { freePort } from "../support/ports.ts";
import { startScripted } from "../support/scripted_server.ts";
import type { ScriptedConnection, ScriptedServer } from "../support/scripted_server.ts";
import { until } from "../support/until.ts";

type Settings = Partial<Omit<UpstreamOptions, "connection">> & {
  readonly connection?: Partial<ConnectionOptions>;
};

function open(targets: readonly string[], settings: Settings = {}): Upstream {
  const { connection, ...others } = settings;
  return openUpstream({
    name: "app",
    targets,
    timeoutMs: 2_000,
    idleTimeoutMs: 2_000,
    maxConcurrent: 10,
    host: "target",
    health: null,
    ejection: null,
    tls: null,
    ...others,
    connection: { ...DEFAULT_CONNECTION, ...connection },
  }, createDenoTransports());
}

function ask(upstream: Upstream, request: Partial<OutgoingRequest> = {}): Promise<ForwardOutcome> {
  return upstream.forward({
    method: "GET",
    target: "/",
    headers: [],
    body: null,
    bodyBytes: null,
    maxBodyBytes: 1 << 30,
    client: new AbortController(),
    tie: null,
    ...request,
  });
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

function streamOf(...pieces: readonly string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(pieces.map(bytesOf));
}

async function textOf(outcome: ForwardOutcome): Promise<string> {
  assert.equal(outcome.kind, "answered", JSON.stringify(outcome));
  return await new Response(outcome.answer.body).text();
}

/** A connection that was used is used again only after a look at it. */
const aMoment = () => new Promise((resolve) => setTimeout(resolve, 20));

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** Answers every request with the same words; bodies of requests are not looked at. */
function always(answer: string): ScriptedServer {
  return startScripted(async (connection) => {
    while (true) {
      await connection.readUntil("\r\n\r\n");
      await connection.write(answer);
    }
  });
}

async function withServer(
  script: ((connection: ScriptedConnection) => Promise<void>) | string,
  test: (server: ScriptedServer) => Promise<void>,
): Promise<void> {
  const server = typeof script === "string" ? always(script) : startScripted(script);
  try {
    await test(server);
  } finally {
    await server.stop();
  }
}

Deno.test("a request goes out as it is given: target raw, header lines in order and number, nothing else", () =>
  withServer(OK, async (server) => {
    const upstream = open([server.url]);
    await textOf(
      await ask(upstream, {
        target: "/a%2fb/[x]?q='a'&r=\"b\"&s=<c>&&t=%zz|{}",
        headers: [["x-two", "1"], ["accept-encoding", "gzip, br"], ["x-two", "2"]],
      }),
    );
    assert.deepEqual(server.heads, [
      "GET /a%2fb/[x]?q='a'&r=\"b\"&s=<c>&&t=%zz|{} HTTP/1.1\r\n" +
      `host: 127.0.0.1:${server.port}\r\n` +
      "connection: keep-alive\r\n" +
      "x-two: 1\r\naccept-encoding: gzip, br\r\nx-two: 2\r\n\r\n",
    ]);
  }));

Deno.test("without a body nothing says that there is one; methods keep their names", () =>
  withServer(OK, async (server) => {
    const upstream = open([server.url]);
    for (const method of ["DELETE", "OPTIONS", "HEAD", "PROPFIND", "REPORT", "M-SEARCH", "POST"]) {
      assert.equal((await ask(upstream, { method })).kind, "answered", method);
      const head = server.heads.at(-1) ?? "";
      assert.ok(head.startsWith(`${method} / HTTP/1.1\r\n`), head);
      assert.doesNotMatch(head, /transfer-encoding/i);
      // RFC 9110 §8.6: where a body is expected, its absence is said.
      if (["DELETE", "OPTIONS", "HEAD"].includes(method)) {
        assert.doesNotMatch(head, /content-length/i, method);
      }
    }
  }));

Deno.test("a body keeps its length, chunks stay chunks, and GET may have one", () => {
  const bodies: string[] = [];
  return withServer(async (connection) => {
    while (true) {
      const head = await connection.readUntil("\r\n\r\n");
      const end = /content-length: (\d+)/.exec(head) === null ? "0\r\n\r\n" : "end";
      bodies.push(await connection.readUntil(end));
      await connection.write(OK);
    }
  }, async (server) => {
    const upstream = open([server.url]);
    const send = (method: string, bodyBytes: number | null) =>
      ask(upstream, { method, body: streamOf("begin-", "end"), bodyBytes });
    for (const method of ["POST", "GET", "DELETE"]) {
      await textOf(await send(method, 9));
      assert.equal(bodies.at(-1), "begin-end");
      assert.match(server.heads.at(-1) ?? "", /\r\ncontent-length: 9\r\n/);
      await textOf(await send(method, null));
      assert.match(bodies.at(-1) ?? "", /6\r\nbegin-\r\n3\r\nend\r\n0\r\n\r\n$/);
      assert.match(server.heads.at(-1) ?? "", /\r\ntransfer-encoding: chunked\r\n/);
    }
  });
});

Deno.test("an answer comes back as it was made: lines apart, bytes untouched, interim answers aside", () =>
  withServer(
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 203 Whatever\r\n" +
      "WWW-Authenticate: Basic\r\nWWW-Authenticate: Negotiate\r\nSet-Cookie: a=1\r\n" +
      "Content-Encoding: gzip\r\nX-Latin: \xe9\r\nContent-Length: 3\r\n\r\n\x1f\x8b\xff",
    async (server) => {
      const outcome = await ask(open([server.url]));
      assert.equal(outcome.kind, "answered");
      assert.equal(outcome.answer.status, 203);
      assert.deepEqual(outcome.answer.headers, [
        ["www-authenticate", "Basic"],
        ["www-authenticate", "Negotiate"],
        ["set-cookie", "a=1"],
        ["content-encoding", "gzip"],
        ["x-latin", "\xe9"],
        ["content-length", "3"],
      ]);
      const body = new Uint8Array(await new Response(outcome.answer.body).arrayBuffer());
      assert.deepEqual(body, Uint8Array.of(0x1f, 0x8b, 0xff));
    },
  ));

Deno.test("bad answers are told apart from absent ones, and leave no place taken", async () => {
  const lines = (count: number) =>
    Array.from({ length: count }, (_, index) => `X-${index}: 1\r\n`).join("");
  const cases: [string, string, ForwardOutcome["kind"]][] = [
    ["300 header lines", `HTTP/1.1 200 OK\r\n${lines(300)}Content-Length: 0\r\n\r\n`, "answered"],
    ["501 header lines", `HTTP/1.1 200 OK\r\n${lines(501)}\r\n`, "bad_answer"],
    [
      "60 kB in one header",
      `HTTP/1.1 200 OK\r\nX: ${"x".repeat(60_000)}\r\nContent-Length: 0\r\n\r\n`,
      "answered",
    ],
    [
      "70 kB of headers",
      `HTTP/1.1 200 OK\r\nX: ${"x".repeat(70_000)}\r\nContent-Length: 0\r\n\r\n`,
      "bad_answer",
    ],
    ["599", "HTTP/1.1 599 Odd\r\nContent-Length: 0\r\n\r\n", "answered"],
    ["600", "HTTP/1.1 600 None\r\nContent-Length: 0\r\n\r\n", "bad_answer"],
    [
      "999 with chunks",
      "HTTP/1.1 999 Denied\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
      "bad_answer",
    ],
    [
      "a 101 that nobody asked for",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
      "bad_answer",
    ],
    ["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "bad_answer"],
    [
      "a space in a header's name",
      "HTTP/1.1 200 OK\r\nX Bad: 1\r\nContent-Length: 0\r\n\r\n",
      "bad_answer",
    ],
    [
      "two lengths",
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 2\r\n\r\nok",
      "bad_answer",
    ],
    ["nothing at all", "", "unavailable"],
  ];
  for (const [name, answer, kind] of cases) {
    await withServer(async (connection) => {
      await connection.readUntil("\r\n\r\n");
      await connection.write(answer);
    }, async (server) => {
      const upstream = open([server.url], { maxConcurrent: 1 });
      for (let count = 0; count < 3; count++) {
        const outcome = await ask(upstream, { method: "POST" });
        assert.equal(outcome.kind, kind, name);
      }
    });
  }
});

Deno.test("an unsafe request is never repeated after its first byte; a stale connection costs others nothing", async () => {
  for (const method of ["POST", "PATCH", "GET", "DELETE", "PUT"]) {
    let seen = 0;
    await withServer(async (connection) => {
      await connection.readUntil("\r\n\r\n");
      await connection.write(OK);
      const head = await connection.readUntil("\r\n\r\n");
      if (head.startsWith(method)) seen++;
      // The second request on a connection is read, and nobody answers it.
    }, async (server) => {
      const upstream = open([server.url]);
      await textOf(await ask(upstream));
      await aMoment();
      const outcome = await ask(upstream, { method });
      const isSafe = ["GET", "DELETE", "PUT"].includes(method);
      assert.equal(outcome.kind, isSafe ? "answered" : "unavailable", method);
      assert.equal(seen, 1, "asked once on the old connection");
      assert.equal(server.connections(), isSafe ? 2 : 1);
    });
  }
});

Deno.test("a body that has begun is not sent again; one that has not goes elsewhere, whatever the method", async () => {
  let bodies = 0;
  await withServer(async (connection) => {
    await connection.readUntil("end");
    bodies++;
  }, async (cutter) => {
    const upstream = open([cutter.url]);
    const put = { method: "PUT", body: streamOf("end"), bodyBytes: 3 } as const;
    assert.equal((await ask(upstream, put)).kind, "unavailable");
    assert.equal(bodies, 1);
  });
  await withServer(async (connection) => {
    await connection.readUntil("\r\n\r\n");
    await connection.readUntil("end");
    await connection.write(OK);
  }, async (server) => {
    const upstream = open([`http://127.0.0.1:${freePort()}`, server.url]);
    for (let count = 0; count < 4; count++) {
      const post = { method: "POST", body: streamOf("end"), bodyBytes: 3 } as const;
      assert.equal(await textOf(await ask(upstream, post)), "ok");
    }
    assert.equal(server.heads.length, 4);
  });
});

Deno.test("idle connections are closed after keepAlive, before the server does it", () =>
  withServer(OK, async (server) => {
    const upstream = open([server.url], { connection: { keepAliveMs: 150 } });
    await textOf(await ask(upstream));
    await aMoment();
    await textOf(await ask(upstream));
    assert.equal(server.connections(), 1);
    await new Promise((resolve) => setTimeout(resolve, 400));
    await textOf(await ask(upstream));
    assert.equal(server.connections(), 2);
  }));

Deno.test("a slow upload lives as long as bytes flow, longer than any timeout", () =>
  withServer(async (connection) => {
    await connection.readUntil("end");
    await connection.write(OK);
  }, async (server) => {
    const upstream = open([server.url], { timeoutMs: 300 });
    let left = 10;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        controller.enqueue(bytesOf(left-- > 0 ? "xxx" : "end"));
        if (left < 0) controller.close();
      },
    }, { highWaterMark: 0 });
    assert.equal(await textOf(await ask(upstream, { method: "POST", body, bodyBytes: 33 })), "ok");
  }));

Deno.test("what the client does to its upload never speaks against the target", () =>
  withServer(async (connection) => {
    while (await connection.read() !== null);
  }, async (server) => {
    const ejection = { failures: 1, forMs: 60_000, statuses: new Set<number>() };
    const upstream = open([server.url], { timeoutMs: 200, ejection, maxConcurrent: 2 });
    const post = (body: ReadableStream<Uint8Array>, bodyBytes: number | null, maxBodyBytes = 100) =>
      ask(upstream, { method: "POST", body, bodyBytes, maxBodyBytes });
    const stalled = () =>
      new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(bytesOf("abc")) });
    const broken = () =>
      new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(bytesOf("abc"));
          setTimeout(() => controller.error(new Error("gone")), 20);
        },
      });
    for (let round = 0; round < 3; round++) {
      assert.equal((await post(broken(), 100)).kind, "body_broken");
      assert.equal((await post(broken(), null)).kind, "body_broken");
      assert.equal((await post(streamOf("short"), 100)).kind, "body_broken");
      assert.equal((await post(stalled(), 100)).kind, "body_broken", "nothing more came");
      assert.equal((await post(streamOf("x".repeat(60), "x".repeat(60)), null)).kind, "too_large");
      const client = new AbortController();
      const leaving = ask(upstream, { method: "POST", body: stalled(), bodyBytes: 9, client });
      setTimeout(() => client.abort(), 20);
      assert.equal((await leaving).kind, "client_gone");
    }
    // And what the target does, does.
    assert.equal((await ask(upstream, { method: "POST" })).kind, "timeout");
    assert.equal((await ask(upstream)).kind, "down");
  }));

Deno.test("an answer that comes while the client is still sending arrives, and the upload ends", () =>
  withServer(async (connection) => {
    await connection.readUntil("first");
    await connection.write("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
    await connection.read();
    await connection.read();
  }, async (server) => {
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(bytesOf("first")),
      cancel: () => void (isCancelled = true),
    });
    const outcome = await ask(open([server.url]), { method: "POST", body, bodyBytes: 1 << 20 });
    assert.equal(await textOf(outcome), "big");
    assert.equal(outcome.kind === "answered" ? outcome.answer.status : 0, 413);
    await until(() => isCancelled, "the client may stop sending");
  }));

Deno.test("a client that goes away takes its request along, before an answer and in it", async () => {
  let ended = 0;
  await withServer(async (connection) => {
    const head = await connection.readUntil("\r\n\r\n");
    if (head.startsWith("GET /body")) {
      await connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    }
    await connection.read().catch(() => null);
    ended++;
  }, async (server) => {
    const upstream = open([server.url], { maxConcurrent: 1 });
    const client = new AbortController();
    const waiting = ask(upstream, { client });
    setTimeout(() => client.abort(), 50);
    assert.equal((await waiting).kind, "client_gone");
    await until(() => ended === 1, "the upstream is told at once");
    const outcome = await ask(upstream, { target: "/body" });
    assert.equal(outcome.kind, "answered");
    assert.ok(outcome.answer.body instanceof ReadableStream);
    assert.equal((await ask(upstream)).kind, "busy", "its body is still on its way");
    await outcome.answer.body.cancel();
    await until(() => ended === 2, "the upstream is told at once");
    assert.notEqual((await ask(upstream, { target: "/body" })).kind, "busy");
  });
});

Deno.test("an answer that breaks off breaks off, in chunks and against its length", async () => {
  for (const head of ["Transfer-Encoding: chunked", "Content-Length: 900000"]) {
    const piece = head.startsWith("T") ? "5\r\nbegun\r\n" : "begun";
    await withServer(async (connection) => {
      await connection.readUntil("\r\n\r\n");
      await connection.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${piece}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }, async (server) => {
      const upstream = open([server.url], { maxConcurrent: 1 });
      const outcome = await ask(upstream);
      await assert.rejects(textOf(outcome), head);
      assert.notEqual((await ask(upstream)).kind, "busy", "its place is free again");
    });
  }
});

Deno.test("the head of a small answer is not held back until its body has come", () =>
  withServer(async (connection) => {
    await connection.readUntil("\r\n\r\n");
    await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsl");
    await new Promise((resolve) => setTimeout(resolve, 600));
    await connection.write("ow");
  }, async (server) => {
    const beganAtMs = performance.now();
    const outcome = await ask(open([server.url]));
    assert.ok(performance.now() - beganAtMs < 500);
    assert.equal(await textOf(outcome), "slow");
  }));

Deno.test("a client that reads slowly slows the upstream down, and is not given up for it", () => {
  let written = 0;
  return withServer(async (connection) => {
    await connection.readUntil("\r\n\r\n");
    await connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 << 20}\r\n\r\n`);
    const piece = new Uint8Array(64 * 1024);
    for (; written < 64 << 20; written += piece.length) await connection.write(piece);
  }, async (server) => {
    const outcome = await ask(open([server.url], { idleTimeoutMs: 200 }));
    assert.equal(outcome.kind, "answered");
    assert.ok(outcome.answer.body instanceof ReadableStream);
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.ok(written < 32 << 20, `${written} bytes are under way and nobody has read one`);
    let read = 0;
    for await (const piece of outcome.answer.body) read += piece.length;
    assert.equal(read, 64 << 20);
  });
});

Deno.test("a client that takes nothing for too long is given up, and its place is free", () =>
  withServer(async (connection) => {
    await connection.readUntil("\r\n\r\n");
    await connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const piece = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    while (true) await connection.write(piece);
  }, async (server) => {
    const upstream = open([server.url], { maxConcurrent: 1, clientIdleMs: 1_000 });
    const outcome = await ask(upstream);
    assert.equal(outcome.kind, "answered");
    assert.ok(outcome.answer.body instanceof ReadableStream);
    const reader = outcome.answer.body.getReader();
    assert.equal((await ask(upstream)).kind, "busy");
    await until(() => upstream.targets()[0]?.underWay === 0, "its place is given back");
    await assert.rejects(async () => {
      while (!(await reader.read()).done);
    }, "and it is told, should it come back");
  }));

Deno.test("what follows an answer that has no body is not kept", () => {
  let hasEnded = false;
  return withServer(async (connection) => {
    await connection.readUntil("\r\n\r\n");
    await connection.write("HTTP/1.1 205 Reset Content\r\nTransfer-Encoding: chunked\r\n\r\n");
    try {
      while (true) await connection.write(`10000\r\n${"x".repeat(0x10000)}\r\n`);
    } finally {
      hasEnded = true;
    }
  }, async (server) => {
    const upstream = open([server.url], { maxConcurrent: 1 });
    const outcome = await ask(upstream);
    assert.equal(outcome.kind === "answered" ? outcome.answer.status : 0, 205);
    await until(() => hasEnded, "the connection is closed");
    assert.equal(upstream.targets()[0]?.underWay, 0);
  });
});

Deno.test("a request without an answer ends with what it is tied to", async () => {
  let ended = 0;
  await withServer(async (connection) => {
    await connection.readUntil("\r\n\r\n");
    while (await connection.read().catch(() => null) !== null);
    ended++;
  }, async (server) => {
    const upstream = open([server.url], { maxConcurrent: 1, timeoutMs: 60_000 });
    const upload = () =>
      new ReadableStream<Uint8Array>({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          controller.enqueue(bytesOf("more"));
        },
      });
    for (const body of [null, upload()]) {
      let end = () => {};
      let isTied = false;
      const waiting = ask(upstream, {
        method: body === null ? "GET" : "POST",
        body,
        tie: {
          afterMs: 50,
          attach(cut) {
            end = cut;
            isTied = true;
            return () => isTied = false;
          },
        },
      });
      await until(() => isTied, "it is tied after a while");
      end();
      assert.deepEqual(await waiting, { kind: "ended" });
      assert.equal(isTied, false, "and untied");
    }
    await until(() => ended === 2, "the upstream is told");
    assert.equal(upstream.targets()[0]?.underWay, 0);
  });
});

Deno.test("a Unix socket is a target like any other", async () => {
  const path = `${await Deno.makeTempDir({ prefix: "postern-unix-" })}/app.sock`;
  const server = startScripted(async (connection) => {
    await connection.readUntil("\r\n\r\n");
    await connection.write(OK);
  }, Deno.listen({ transport: "unix", path }) as unknown as Deno.Listener);
  try {
    assert.equal(await textOf(await ask(open([`unix:${path}`]))), "ok");
    assert.match(server.heads[0] ?? "", /^GET \/ HTTP\/1\.1\r\nhost: localhost\r\n/);
    const absent = await ask(open([`unix:${path}.not`]));
    assert.deepEqual(absent, { kind: "unavailable", reason: "there is no such socket" });
  } finally {
    await server.stop();
  }
});

Deno.test("a proxy that the environment names has no say", async () => {
  const port = freePort();
  const script = `
    import { createDenoTransports } from "./src/runtime/deno/transport.ts";
    import { openUpstream } from "./src/upstream/open.ts";
    import { DEFAULT_CONNECTION } from "./src/upstream/options.ts";
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response("direct"));
    const upstream = openUpstream({ name: "app", targets: ["http://127.0.0.1:" + server.addr.port],
      timeoutMs: 2000, idleTimeoutMs: 2000, maxConcurrent: 1, host: "target", health: null,
      ejection: null, tls: null, connection: DEFAULT_CONNECTION }, createDenoTransports());
    const outcome = await upstream.forward({ method: "GET", target: "/", headers: [], body: null,
      bodyBytes: null, maxBodyBytes: 1, client: new AbortController(), tie: null });
    console.log(outcome.kind, new TextDecoder().decode(outcome.answer.body));
    Deno.exit(0);
  `;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", script],
    cwd: new URL("../../", import.meta.url),
    env: { HTTP_PROXY: `http://127.0.0.1:${port}`, ALL_PROXY: `http://127.0.0.1:${port}` },
  }).output();
  assert.equal(new TextDecoder().decode(stdout).trim(), "answered direct");
});
