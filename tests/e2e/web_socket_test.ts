import assert from "node:assert/strict";
// @ts-types="@types/ws"
import { WebSocket as WsClient, WebSocketServer } from "ws";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway, TestGatewayOptions } from "../support/gateway.ts";

interface Seen {
  readonly headers: Record<string, string>;
  readonly closed: Promise<{ code: number; reason: string }>;
}

/** An upstream that echoes, speaks "chat", refuses `/refuse` and closes as it is told. */
function startEcho() {
  const seen: Seen[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    if (new URL(request.url).pathname === "/refuse") {
      return new Response("not for you", { status: 418, headers: { "x-why": "tea" } });
    }
    const headers = Object.fromEntries(request.headers);
    const offered = headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim()) ?? [];
    const { socket, response } = Deno.upgradeWebSocket(
      request,
      offered.includes("chat") ? { protocol: "chat" } : {},
    );
    socket.binaryType = "arraybuffer";
    const closed = new Promise<{ code: number; reason: string }>((resolve) => {
      socket.onclose = ({ code, reason }) => resolve({ code, reason });
    });
    seen.push({ headers, closed });
    socket.onmessage = ({ data }) => {
      const order = typeof data === "string" ? /^close (\d+) (.*)$/.exec(data) : null;
      if (order !== null) socket.close(Number(order[1]), order[2]);
      else socket.send(data);
    };
    return response;
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    seen,
    stop: () => server.shutdown(),
  };
}

async function withGateway(
  test: (gateway: TestGateway, echo: ReturnType<typeof startEcho>, access: string) => Promise<void>,
  options: TestGatewayOptions = {},
) {
  const echo = startEcho();
  const gateway = await startGateway({
    upstream: echo.url,
    ...options,
    config: { revocation: { pollInterval: "50ms", maxStaleness: "5s" }, ...options.config },
  });
  try {
    const pair = await (await fetch(`${gateway.url}/api/token/`, {
      method: "POST",
      body: new URLSearchParams({ username: "demo", password: "postern" }),
    })).json();
    await test(gateway, echo, pair.access);
  } finally {
    await gateway.stop();
    await echo.stop();
  }
}

function open(url: string, headers: Record<string, string>, protocols: string[] = []) {
  const socket = new WebSocket(url.replace(/^http/, "ws"), { headers, protocols });
  socket.binaryType = "arraybuffer";
  const messages: (string | ArrayBuffer)[] = [];
  let wake = () => {};
  socket.onmessage = ({ data }) => {
    messages.push(data);
    wake();
  };
  const opened = new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = (event) => reject(new Error((event as ErrorEvent).message));
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.onclose = ({ code, reason }) => resolve({ code, reason });
  });
  return {
    socket,
    opened,
    closed,
    async next() {
      while (messages.length === 0) await new Promise<void>((resolve) => wake = resolve);
      return messages.shift();
    },
  };
}

/** The plain answer to a handshake that is refused. */
function handshake(url: string, headers: Record<string, string>): Promise<Response> {
  // fetch may not set these headers: curl may.
  return new Deno.Command("curl", {
    args: [
      ...["-s", "-i", "--max-time", "10", "--http1.1"],
      ...["-H", "Connection: Upgrade", "-H", "Upgrade: websocket"],
      ...["-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
      ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
      url,
    ],
  }).output().then(({ stdout }) => {
    const [head = "", body = ""] = new TextDecoder().decode(stdout).split("\r\n\r\n");
    const [line = "", ...fields] = head.split("\r\n");
    return new Response(body, {
      status: Number(line.split(" ")[1]),
      headers: fields.map((field): [string, string] => {
        const colon = field.indexOf(":");
        return [field.slice(0, colon), field.slice(colon + 1).trim()];
      }),
    });
  });
}

Deno.test("a WebSocket passes text, bytes and its subprotocol through, and no credential", () =>
  withGateway(async (gateway, echo, access) => {
    const client = open(`${gateway.url}/live?room=1`, {
      authorization: `Bearer ${access}`,
      "x-auth-subject": "mallory",
      x_auth_subject: "mallory",
    }, ["other", "chat"]);
    await client.opened;
    assert.equal(client.socket.protocol, "chat");
    client.socket.send("héllo");
    assert.equal(await client.next(), "héllo");
    client.socket.send(new Uint8Array([0, 255, 128]));
    assert.deepEqual(
      new Uint8Array(await client.next() as ArrayBuffer),
      new Uint8Array([0, 255, 128]),
    );
    const large = "x".repeat(3_000_000);
    client.socket.send(large);
    assert.equal(await client.next(), large);

    const [seen] = echo.seen;
    assert.equal(seen?.headers["x-auth-subject"], "demo");
    assert.equal(seen?.headers["authorization"], undefined);
    assert.ok(!JSON.stringify(seen?.headers).includes(access));
    assert.ok(!JSON.stringify(seen?.headers).includes("mallory"));
    client.socket.close(4007, "enough");
    assert.deepEqual(await seen?.closed, { code: 4007, reason: "enough" });
    await client.closed;
  }));

Deno.test("close codes cross in both directions", () =>
  withGateway(async (gateway, echo, access) => {
    for (
      const [code, reason] of [[1000, "done"], [1001, "going"], [1012, "restart"], [
        4123,
        "ours",
      ]] as const
    ) {
      const client = open(`${gateway.url}/live`, { authorization: `Bearer ${access}` });
      await client.opened;
      client.socket.send(`close ${code} ${reason}`);
      assert.deepEqual(await client.closed, { code, reason });
    }
    const client = open(`${gateway.url}/live`, { authorization: `Bearer ${access}` });
    await client.opened;
    client.socket.close();
    await client.closed;
    const closed = await echo.seen.at(-1)?.closed;
    assert.equal(closed?.code, 1005);
  }));

Deno.test("without a valid credential no WebSocket is opened, and the upstream is not asked", () =>
  withGateway(async (gateway, echo) => {
    const missing = await handshake(`${gateway.url}/live`, {});
    assert.equal(missing.status, 401);
    assert.equal((await missing.json()).code, "token_missing");
    const bad = await handshake(`${gateway.url}/live`, { authorization: "Bearer a.b.c" });
    assert.equal(bad.status, 401);
    assert.equal(echo.seen.length, 0);
  }));

Deno.test("a cookie session opens a WebSocket from its own origin only", () =>
  withGateway(async (gateway, echo, access) => {
    const cookie = `postern-access=${access}`;
    const hostile = await handshake(`${gateway.url}/live`, {
      cookie,
      origin: "https://evil.example",
    });
    assert.equal(hostile.status, 403);
    assert.equal((await hostile.json()).code, "csrf_failed");
    assert.equal(echo.seen.length, 0);

    const own = open(`${gateway.url}/live`, {
      cookie: `${cookie}; theme=dark`,
      origin: gateway.url,
    });
    await own.opened;
    assert.equal(echo.seen[0]?.headers["cookie"], "theme=dark");
    own.socket.close();
    await own.closed;
  }));

Deno.test("an upstream's refusal of a WebSocket is passed on; an absent upstream is 502", async () => {
  await withGateway(async (gateway, _echo, access) => {
    const refused = await handshake(`${gateway.url}/refuse`, { authorization: `Bearer ${access}` });
    assert.equal(refused.status, 418);
    assert.equal(refused.headers.get("x-why"), "tea");
    assert.equal(await refused.text(), "not for you");
  });
  const gateway = await startGateway({ upstream: "http://127.0.0.1:9" });
  try {
    const { access } = await (await fetch(`${gateway.url}/api/token/`, {
      method: "POST",
      body: new URLSearchParams({ username: "demo", password: "postern" }),
    })).json();
    const down = await handshake(`${gateway.url}/live`, { authorization: `Bearer ${access}` });
    assert.equal(down.status, 502);
    assert.equal((await down.json()).code, "upstream_unavailable");
  } finally {
    await gateway.stop();
  }
});

Deno.test("a WebSocket ends with 4401 when its session is revoked", () =>
  withGateway(async (gateway, echo, access) => {
    const client = open(`${gateway.url}/live`, { authorization: `Bearer ${access}` });
    await client.opened;
    const logout = await fetch(`${gateway.url}/auth/logout`, {
      method: "POST",
      headers: { authorization: `Bearer ${access}` },
    });
    await logout.body?.cancel();
    assert.equal(logout.status, 204);
    assert.deepEqual(await client.closed, { code: 4401, reason: "session_revoked" });
    assert.equal((await echo.seen[0]?.closed)?.code, 1001);
  }));

Deno.test("a WebSocket ends with 4401 when the access token is over and the leeway too", () =>
  withGateway(async (gateway, _echo, access) => {
    const client = open(`${gateway.url}/live`, { authorization: `Bearer ${access}` });
    await client.opened;
    // The token's 30 minutes are over, the leeway's 60 seconds are not.
    gateway.clock.advance(30 * 60_000 + 30_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    client.socket.send("still here");
    assert.equal(await client.next(), "still here");
    gateway.clock.advance(40_000);
    assert.deepEqual(await client.closed, { code: 4401, reason: "token_expired" });
  }, { config: { longLived: { leeway: "60s" } } }));

Deno.test("a WebSocket ends when nobody can say for too long whether the session stands", () =>
  withGateway(async (gateway, _echo, access) => {
    const client = open(`${gateway.url}/live`, { authorization: `Bearer ${access}` });
    await client.opened;
    await gateway.store.close();
    gateway.clock.advance(10_000);
    assert.deepEqual(await client.closed, { code: 1013, reason: "store_unavailable" });
  }));

Deno.test("an event stream arrives event by event and ends with the session", async () => {
  let send: (text: string) => void = () => {};
  let cancelled = false;
  const upstream = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () =>
    new Response(
      new ReadableStream<Uint8Array>({
        start(controller) {
          send = (text) => controller.enqueue(new TextEncoder().encode(text));
        },
        cancel() {
          cancelled = true;
        },
      }),
      { headers: { "content-type": "text/event-stream" } },
    ));
  const gateway = await startGateway({
    upstream: `http://127.0.0.1:${upstream.addr.port}`,
    config: { revocation: { pollInterval: "50ms", maxStaleness: "5s" } },
  });
  try {
    const { access } = await (await fetch(`${gateway.url}/api/token/`, {
      method: "POST",
      body: new URLSearchParams({ username: "demo", password: "postern" }),
    })).json();
    const headers = { authorization: `Bearer ${access}` };
    const answering = fetch(`${gateway.url}/events`, { headers });
    // The head of the answer crosses before there is any event.
    const answer = await answering;
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (const text of ["data: 1\n\n", "data: 2\n\n"]) {
      send(text);
      assert.equal((await reader.read()).value, text);
    }
    const logout = await fetch(`${gateway.url}/auth/logout`, { method: "POST", headers });
    await logout.body?.cancel();
    assert.equal((await reader.read()).done, true);
    for (let tries = 0; tries < 100 && !cancelled; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.ok(cancelled, "the upstream goes on sending to nobody");
  } finally {
    await gateway.stop();
    await upstream.shutdown();
  }
});

Deno.test("a subprotocol list without spaces is understood", () =>
  withGateway(async (gateway, _echo, access) => {
    const socket = new WsClient(gateway.url.replace(/^http/, "ws"), ["other", "chat"], {
      headers: { authorization: `Bearer ${access}` },
    });
    await new Promise<void>((resolve, reject) => {
      socket.on("open", () => resolve());
      socket.on("error", reject);
    });
    assert.equal(socket.protocol, "chat");
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.close();
    await closed;
  }));

Deno.test("an upstream that sends faster than the client reads is slowed down", async () => {
  const total = 64 * 1024 * 1024;
  const chunk = new Uint8Array(64 * 1024);
  const upstream = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await new Promise((resolve) => upstream.on("listening", resolve));
  let sent = 0;
  upstream.on("connection", (socket: WsClient) => {
    const push = () => {
      while (sent < total && socket.bufferedAmount < 1024 * 1024) {
        socket.send(chunk);
        sent += chunk.length;
      }
      if (sent < total) setTimeout(push, 5);
      else socket.close(1000, "all");
    };
    push();
  });
  const { port } = upstream.address() as { port: number };
  const gateway = await startGateway({ upstream: `http://127.0.0.1:${port}` });
  try {
    const { access } = await (await fetch(`${gateway.url}/api/token/`, {
      method: "POST",
      body: new URLSearchParams({ username: "demo", password: "postern" }),
    })).json();
    const socket = new WsClient(gateway.url.replace(/^http/, "ws"), {
      headers: { authorization: `Bearer ${access}` },
    });
    let received = 0;
    socket.on("message", (data: Uint8Array) => received += data.length);
    const closed = new Promise<number>((resolve) => socket.on("close", resolve));
    await new Promise<void>((resolve) => socket.on("open", () => resolve()));
    socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.ok(
      sent < total,
      `everything (${sent} bytes) was swallowed for a client that reads nothing`,
    );
    socket.resume();
    assert.equal(await closed, 1000);
    assert.equal(received, total);
  } finally {
    await gateway.stop();
    upstream.close();
  }
});
