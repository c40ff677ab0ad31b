/**
 * The same requests directly, through nginx and through Postern, with what
 * arrived recorded byte for byte. Where Postern differs from nginx, the reason
 * stands here. (Interim answers are not compared: nginx 1.22 takes a 103 for the
 * answer itself, and its client waits until a timeout.)
 *
 * @module
 */
import assert from "node:assert/strict";
import { startGateway } from "../support/gateway.ts";
import { startNginx } from "../support/nginx.ts";
import { rawExchange } from "../support/raw_http.ts";
import { report } from "../support/report.ts";
import { startScripted } from "../support/scripted_server.ts";

/** What a client sends; `@` stands for the host and port that it asks. */
const REQUESTS: Readonly<Record<string, string>> = {
  plain: "GET /a?b=c HTTP/1.1\r\nHost: @\r\n",
  "a raw query": "GET /p?q='a'&s=<c>&t=%zz&&=3+%20[] HTTP/1.1\r\nHost: @\r\n",
  "an encoded path": "GET /caf%C3%A9/%5Bslug%5D HTTP/1.1\r\nHost: @\r\n",
  "headers of all kinds":
    "GET / HTTP/1.1\r\nHost: @\r\nAccept: text/html;q=0.9\r\nX-Custom: a b\r\n" +
    'If-None-Match: "v1"\r\nRange: bytes=0-9\r\nCookie: a=1; b=2\r\nAccept-Encoding: gzip\r\n',
  "no body": "DELETE /a HTTP/1.1\r\nHost: @\r\n",
  "an empty POST": "POST /a HTTP/1.1\r\nHost: @\r\nContent-Length: 0\r\n",
  "a POST":
    "POST /a HTTP/1.1\r\nHost: @\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
  "a GET with a body": "GET /_search HTTP/1.1\r\nHost: @\r\nContent-Length: 5\r\n\r\nhello",
  "an unusual method": "PROPFIND /a HTTP/1.1\r\nHost: @\r\nDepth: 1\r\n",
  "hop-by-hop headers": "GET / HTTP/1.1\r\nHost: @\r\nKeep-Alive: timeout=9\r\nTE: trailers\r\n",
};

/** What the upstream answers, by path; the head and the body as they are. */
const ANSWERS: Readonly<Record<string, string>> = {
  "/two-challenges":
    "401 Unauthorized\r\nWWW-Authenticate: Basic\r\nWWW-Authenticate: Negotiate\r\n" +
    "Content-Length: 0\r\n\r\n",
  "/cookies": "200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok",
  "/gzip": "200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x00",
  "/etag": '304 Not Modified\r\nETag: "v1"\r\n\r\n',
  "/partial": '206 Partial Content\r\nContent-Range: bytes 0-1/5\r\nETag: "v1"\r\n' +
    "Content-Length: 2\r\n\r\nhe",
  "/redirect": "302 Found\r\nLocation: /elsewhere?a=1\r\nContent-Length: 0\r\n\r\n",
  "/chunks": "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
  "/gone": "410 Gone\r\nContent-Length: 4\r\n\r\ngone",
  "/teapot": "418 I'm a teapot\r\nContent-Length: 0\r\n\r\n",
  "/999": "999 Denied\r\nContent-Length: 2\r\n\r\nno",
  "/latin": "200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 2\r\n\r\nok",
};

/** Requests on which the two differ, and why. */
const REQUEST_DIFFERENCES: Readonly<Record<string, string>> = {
  "an unusual method": "undici says Content-Length: 0 where a body is expected (RFC 9110 §8.6)",
};

/** Answers on which the two differ, and why. */
const ANSWER_DIFFERENCES: Readonly<Record<string, string>> = {
  "/chunks": "an answer that came whole is passed on whole, with its length in place of chunks",
  "/999": "`Deno.serve` can send 200 to 599 only: 502",
};

/** Lines that belong to a hop, or that Postern is there to write. */
const OF_A_HOP =
  /^(?:host|connection|keep-alive|x-forwarded-|forwarded|x-request-id|traceparent|via|server|date|transfer-encoding)/i;

/** Head lines sorted by name, since `Deno.serve` shows them so; in lower case up to the colon. */
function lines(head: string): string[] {
  return head.trim().split("\r\n").slice(1)
    .map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()))
    .filter((line) => !OF_A_HOP.test(line))
    .sort();
}

Deno.test("what arrives through Postern is what arrives through nginx, or it is said why not", async () => {
  let body = "";
  const upstream = startScripted(async (connection) => {
    while (true) {
      const head = await connection.readUntil("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      body = "";
      while (body.length < length) body += await connection.read() ?? "";
      const path = head.split(" ")[1] ?? "";
      await connection.write(
        `HTTP/1.1 ${ANSWERS[path] ?? "200 OK\r\nContent-Length: 2\r\n\r\nok"}`,
      );
    }
  });
  const gateway = await startGateway({
    upstream: upstream.url,
    config: { routes: [{ path: "/*", upstream: "app", auth: "none" }] },
  });
  const nginx = await startNginx(`
    location / {
      proxy_pass http://127.0.0.1:${upstream.port};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
    }
  `);
  const ways = {
    direct: upstream.port,
    nginx: nginx.port,
    postern: Number(new URL(gateway.url).port),
  };

  async function arrived(port: number, request: string) {
    upstream.heads.length = 0;
    const [head = "", sent = ""] = request.split("\r\n\r\n");
    const text = `${head.trimEnd()}\r\nConnection: close\r\n\r\n${sent}`;
    await rawExchange(port, text.replace("@", `localhost:${port}`), true);
    const seen = upstream.heads.at(-1) ?? "";
    return { line: seen.split("\r\n")[0], lines: lines(seen), body };
  }

  async function came(port: number, path: string) {
    const text = `GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`;
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode(text));
    const bytes = port === ways.direct
      ? await readSome(connection)
      : new Uint8Array(await new Response(connection.readable).arrayBuffer());
    const answer = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    const end = answer.indexOf("\r\n\r\n");
    const head = answer.slice(0, end);
    return {
      status: head.split(" ")[1],
      lines: lines(head),
      body: answer.slice(end + 4).replace(
        /^3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n$|^6\r\nonetwo\r\n0\r\n\r\n$/,
        "onetwo",
      ),
    };
  }

  try {
    let same = 0;
    for (const [name, request] of Object.entries(REQUESTS)) {
      const direct = await arrived(ways.direct, request);
      const through = await arrived(ways.nginx, request);
      const postern = await arrived(ways.postern, request);
      const isSame = JSON.stringify(through) === JSON.stringify(postern);
      if (!(name in REQUEST_DIFFERENCES)) assert.deepEqual(postern, through, name);
      assert.equal(!isSame, name in REQUEST_DIFFERENCES, name);
      // And both are what the client sent, less what belongs to its hop.
      assert.equal(postern.line, direct.line, name);
      assert.equal(postern.body, direct.body, name);
      same += Number(isSame);
    }
    for (const path of Object.keys(ANSWERS)) {
      const through = await came(ways.nginx, path);
      const postern = await came(ways.postern, path);
      const isSame = JSON.stringify(through) === JSON.stringify(postern);
      if (!(path in ANSWER_DIFFERENCES)) assert.deepEqual(postern, through, path);
      assert.equal(!isSame, path in ANSWER_DIFFERENCES, path);
      same += Number(isSame);
    }
    report(
      `${Object.keys(REQUESTS).length} requests and ${
        Object.keys(ANSWERS).length
      } answers beside ` +
        `nginx: ${same} the same, the rest with a reason`,
    );
  } finally {
    await nginx.stop();
    await gateway.stop();
    await upstream.stop();
  }
});

/** Reads what a server that keeps the connection has said. */
async function readSome(connection: Deno.TcpConn): Promise<Uint8Array> {
  const buffer = new Uint8Array(64 * 1024);
  const count = await connection.read(buffer);
  connection.close();
  return buffer.subarray(0, count ?? 0);
}
