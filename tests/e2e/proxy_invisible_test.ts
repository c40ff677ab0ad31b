/**
 * The gateway between a raw client and a raw upstream on Deno: what arrives is
 * what was sent, byte for byte, but for what the gateway is there for.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { rawExchange } from "../support/raw_http.ts";
import { startScripted } from "../support/scripted_server.ts";
import type { ScriptedConnection, ScriptedServer } from "../support/scripted_server.ts";

async function between(
  script: (connection: ScriptedConnection) => Promise<void>,
  test: (gateway: TestGateway, server: ScriptedServer, port: number) => Promise<void>,
): Promise<void> {
  const server = startScripted(script);
  const gateway = await startGateway({
    upstream: server.url,
    config: { routes: [{ path: "/*", upstream: "app", auth: "none" }] },
  });
  try {
    await test(gateway, server, Number(new URL(gateway.url).port));
  } finally {
    await gateway.stop();
    await server.stop();
  }
}

const answer = (text: string) => async (connection: ScriptedConnection) => {
  while (true) {
    await connection.readUntil("\r\n\r\n");
    await connection.write(text);
  }
};

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** What Postern itself says to an upstream. */
const OURS = /^(?:host|connection|x-forwarded-|forwarded|x-request-id|traceparent)/;

/** Header lines less those that are ours. */
function theirs(head = ""): string[] {
  return head.trim().split("\r\n").slice(1).filter((line) => !OURS.test(line));
}

Deno.test("nothing is added that nobody sent (F16), nothing is chunked that has no body (F6)", () =>
  between(answer(OK), async (gateway, server, port) => {
    const host = new URL(gateway.url).host;
    for (const method of ["GET", "DELETE", "OPTIONS", "HEAD"]) {
      await rawExchange(
        port,
        `${method} /x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
      assert.deepEqual(theirs(server.heads.at(-1)), [], method);
    }
    for (const method of ["POST", "PUT"]) {
      await rawExchange(
        port,
        `${method} /x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
      assert.deepEqual(theirs(server.heads.at(-1)), ["content-length: 0"], method);
    }
    await rawExchange(
      port,
      `GET /x HTTP/1.1\r\nHost: ${host}\r\nAccept-Encoding: gzip, br\r\nVia: 1.1 cdn\r\n` +
        `User-Agent: curl\r\nConnection: close\r\n\r\n`,
    );
    // `Deno.serve` shows headers in the order of their names.
    assert.deepEqual(theirs(server.heads.at(-1)), [
      "accept-encoding: gzip, br",
      "user-agent: curl",
      "via: 1.1 cdn",
    ]);
  }));

Deno.test("the query crosses as it is written (F14)", () =>
  between(answer(OK), async (gateway, server, port) => {
    const query = "?q='a'&r=\"b\"&s=<c>&t=%zz&&=3+%20[]{}|^`";
    await rawExchange(
      port,
      `GET /p${query} HTTP/1.1\r\nHost: ${new URL(gateway.url).host}\r\nConnection: close\r\n\r\n`,
    );
    assert.equal(server.heads[0]?.split(" ")[1], `/p${query}`);
  }));

Deno.test("a GET keeps its body (F12), with a length and in chunks", () => {
  const bodies: string[] = [];
  return between(async (connection) => {
    while (true) {
      await connection.readUntil("\r\n\r\n");
      bodies.push(await connection.readUntil('"all"}'));
      await connection.write(OK);
      await connection.read();
    }
  }, async (gateway, server, port) => {
    const host = `Host: ${new URL(gateway.url).host}\r\nConnection: close`;
    const query = '{"query":"all"}';
    for (const method of ["GET", "HEAD"]) {
      const head = `${method} /_search HTTP/1.1\r\n${host}\r\n`;
      await rawExchange(port, `${head}Content-Length: ${query.length}\r\n\r\n${query}`);
      assert.equal(bodies.at(-1), query, method);
      assert.match(server.heads.at(-1) ?? "", /content-length: 15\r\n/);
      await rawExchange(
        port,
        `${head}Transfer-Encoding: chunked\r\n\r\nf\r\n${query}\r\n0\r\n\r\n`,
      );
      assert.equal(bodies.at(-1), `f\r\n${query}`, method);
    }
  });
});

Deno.test("the headers of a 101 arrive, cookies among them (F18), and none of the handshake's twice", () =>
  between(async (connection) => {
    const head = await connection.readUntil("\r\n\r\n");
    const key = /sec-websocket-key: (\S+)/.exec(head)?.[1] ?? "";
    const digest = await crypto.subtle.digest(
      "SHA-1",
      new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`),
    );
    await connection.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" +
        `Sec-WebSocket-Accept: ${new Uint8Array(digest).toBase64()}\r\n` +
        "Sec-WebSocket-Protocol: chat.v2\r\nSet-Cookie: AWSALB=node3; Path=/\r\nX-Node: 3\r\n" +
        "Set-Cookie: postern-access=planted; Path=/\r\n\r\n\x81\x02hi",
    );
    await connection.read();
  }, async (gateway, server, port) => {
    const said = await rawExchange(
      port,
      `GET /ws HTTP/1.1\r\nHost: ${new URL(gateway.url).host}\r\nConnection: Upgrade\r\n` +
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
        "Sec-WebSocket-Protocol: chat.v1,chat.v2, chat.v1\r\n" +
        "Sec-WebSocket-Extensions: permessage-deflate\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      true,
    );
    assert.equal(said.status, 101);
    assert.equal(said.headers.get("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert.equal(said.headers.get("sec-websocket-protocol"), "chat.v2");
    assert.equal(said.headers.get("set-cookie"), "AWSALB=node3; Path=/");
    assert.equal(said.headers.get("x-node"), "3");
    assert.equal(said.headers.has("sec-websocket-extensions"), false);
    assert.match(server.heads[0] ?? "", /\r\nsec-websocket-protocol: chat\.v1, chat\.v2\r\n/);
    assert.doesNotMatch(server.heads[0] ?? "", /sec-websocket-extensions/);
  }));

Deno.test("what is short of a handshake is an ordinary request", () =>
  between(answer(OK), async (gateway, server, port) => {
    const host = new URL(gateway.url).host;
    for (
      const lines of [
        "Upgrade: websocket\r\nConnection: upgrade\r\n",
        "Upgrade: websocket\r\nConnection: upgrade, close\r\nSec-WebSocket-Version: 8\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Upgrade: h2c\r\nConnection: upgrade, close\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
      ]
    ) {
      const said = await rawExchange(
        port,
        `GET /x HTTP/1.1\r\nHost: ${host}\r\n${lines}\r\n`,
        true,
      );
      assert.equal(said.status, 200);
      assert.doesNotMatch(server.heads.at(-1) ?? "", /upgrade/i);
    }
  }));

Deno.test("a status that is none is 502 each time, and never more than that (F2)", () =>
  between(
    answer("HTTP/1.1 999 Denied\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    async (gateway) => {
      for (let count = 0; count < 5; count++) {
        const said = await fetch(gateway.url);
        assert.equal(said.status, 502);
        assert.equal((await said.json()).code, "upstream_bad_answer");
      }
    },
  ));
