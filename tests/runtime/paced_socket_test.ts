/**
 * The client's half of a WebSocket on Deno: it can be paused, and however much a client
 * sends, others have a turn in between.
 */
import assert from "node:assert/strict";
import { createAccept } from "../../src/runtime/deno/web_socket.ts";
import type { Closure, SocketEnd } from "../../src/upstream/web_socket.ts";
import { until } from "../support/until.ts";

/** A client in a process of its own, so that it does not wait for this one. */
async function flood(port: number, frames: number, piece: string): Promise<void> {
  const script = `
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: ${port} });
    const bytes = (text) => Uint8Array.from(text, (char) => char.charCodeAt(0));
    const write = async (all) => {
      for (let rest = all; rest.length > 0;) rest = rest.subarray(await connection.write(rest));
    };
    await write(bytes("GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n" +
      "Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n"));
    await connection.read(new Uint8Array(1000));
    const frame = bytes(${JSON.stringify(piece)});
    const all = new Uint8Array(frame.length * ${frames});
    for (let at = 0; at < all.length; at += frame.length) all.set(frame, at);
    await write(all);
    await write(bytes("\\x88\\x80\\0\\0\\0\\0"));
    await connection.read(new Uint8Array(1000));
  `;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    stderr: "inherit",
  }).output();
  assert.ok(success);
}

/** Serves WebSockets; `open` gets the end of each. */
function serve(open: (end: SocketEnd) => void) {
  const accept = createAccept(undefined);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { end, response } = accept(request, []);
    open(end);
    return response;
  });
  return { port: server.addr.port, stop: () => server.shutdown() };
}

for (
  const [what, piece, isMessage] of [
    ["messages", "\x82\x81\0\0\0\0x", true],
    ["messages without content", "\x82\x80\0\0\0\0", true],
    ["pongs", "\x8a\x80\0\0\0\0", false],
  ] as const
) {
  Deno.test(`a flood of ${what} leaves everybody else a turn`, async () => {
    const FRAMES = 60_000;
    let messages = 0;
    let turns = 0;
    let inThisTurn = 0;
    let mostInATurn = 0;
    const closed = Promise.withResolvers<Closure>();
    const server = serve((end) =>
      end.listen({
        message() {
          messages++;
          mostInATurn = Math.max(mostInATurn, ++inThisTurn);
        },
        closed: closed.resolve,
      })
    );
    const others = setInterval(() => {
      turns++;
      inThisTurn = 0;
    }, 1);
    const flooding = flood(server.port, FRAMES, piece);
    await closed.promise;
    await flooding;
    clearInterval(others);
    await server.stop();
    assert.equal(messages, isMessage ? FRAMES : 0);
    assert.ok(mostInATurn < 20_000, `${mostInATurn} messages in one turn`);
    assert.ok(turns > 50, `${turns} turns`);
  });
}

Deno.test("a client that is paused is read no further, and nothing is lost or out of order", async () => {
  let end: SocketEnd | null = null;
  const got: string[] = [];
  let isPausedAt = 0;
  const server = serve((each) => {
    end = each;
    each.listen({
      message(data) {
        got.push(String(data));
        if (got.length === 100 || got.length === 500) {
          isPausedAt = got.length;
          each.pause?.();
        }
      },
      closed() {},
    });
  });
  const client = new WebSocket(`ws://127.0.0.1:${server.port}/`);
  await new Promise((resolve) => client.addEventListener("open", resolve));
  for (let index = 0; index < 1_000; index++) client.send(String(index));
  for (const mark of [100, 500]) {
    await until(() => isPausedAt === mark, `paused at ${mark}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(got.length, mark);
    end!.send(`still open at ${mark}`);
    end!.resume?.();
  }
  await until(() => got.length === 1_000, "everything has come");
  assert.deepEqual(got, Array.from({ length: 1_000 }, (_, index) => String(index)));
  client.close();
  await server.stop();
});

Deno.test("a socket that is closed while it is paused is closed", async () => {
  let end: SocketEnd | null = null;
  let closure: Closure | null = null;
  const server = serve((each) => {
    end = each;
    each.listen({
      message: () => each.pause?.(),
      closed: (why) => void (closure = why),
    });
  });
  const client = new WebSocket(`ws://127.0.0.1:${server.port}/`);
  await new Promise((resolve) => client.addEventListener("open", resolve));
  const closing = new Promise<CloseEvent>((resolve) => client.addEventListener("close", resolve));
  client.send("stop");
  client.send("not read");
  await new Promise((resolve) => setTimeout(resolve, 50));
  end!.close({ code: 4401, reason: "session_revoked" });
  assert.equal((await closing).code, 4401);
  await until(() => closure !== null, "this side knows");
  await server.stop();
});
