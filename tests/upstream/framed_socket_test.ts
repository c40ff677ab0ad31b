/**
 * The upstream's end: what comes in a flood is told of in turns, and what is paused waits,
 * with nothing lost or out of order.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { framedSocket } from "../../src/upstream/framed_socket.ts";
import type { Closure, RawConnection } from "../../src/upstream/web_socket.ts";
import { until } from "../support/until.ts";

/** A connection whose bytes come when they are told to, unless it is paused. */
function connectionOf() {
  let on: Parameters<RawConnection["listen"]>[0] | null = null;
  let isPaused = true;
  const waiting: Uint8Array[] = [];
  const flow = () => {
    while (!isPaused && waiting.length > 0) on?.bytes(waiting.shift() ?? new Uint8Array());
  };
  const connection: RawConnection = {
    listen(listener) {
      on = listener;
      isPaused = false;
      flow();
    },
    write() {},
    bufferedBytes: () => 0,
    pause: () => void (isPaused = true),
    resume() {
      isPaused = false;
      queueMicrotask(flow);
    },
    end() {},
    destroy() {},
  };
  return {
    connection,
    send(bytes: Uint8Array) {
      waiting.push(bytes);
      flow();
    },
    close() {
      isPaused = false;
      flow();
      on?.closed();
    },
  };
}

/** Numbered text frames of a server, in one piece. */
function framesOf(from: number, count: number): Uint8Array {
  const bytes: number[] = [];
  for (let number = from; number < from + count; number++) {
    const text = new TextEncoder().encode(String(number));
    bytes.push(0x81, text.length, ...text);
  }
  return Uint8Array.from(bytes);
}

Deno.test("a piece with thousands of messages is told of in turns", async () => {
  const { connection, send, close } = connectionOf();
  const got: string[] = [];
  let inThisTurn = 0;
  let most = 0;
  const others = setInterval(() => inThisTurn = 0, 0);
  const closed = Promise.withResolvers<Closure>();
  framedSocket(connection).listen({
    message(data) {
      got.push(String(data));
      most = Math.max(most, ++inThisTurn);
    },
    closed: closed.resolve,
  });
  send(framesOf(0, 10_000));
  send(framesOf(10_000, 10));
  await until(() => got.length === 10_010, "all have come");
  clearInterval(others);
  assert.deepEqual(got, Array.from({ length: 10_010 }, (_, index) => String(index)));
  assert.ok(most < 5_000, `${most} in one turn`);
  close();
  assert.equal((await closed.promise).code, "lost");
});

Deno.test("nothing is lost or out of order, however often it is paused", async () => {
  const plan = fc.array(fc.record({ count: fc.nat(600), pauseAt: fc.nat(600) }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(plan, fc.boolean(), async (pieces, closesEarly) => {
      const { connection, send, close } = connectionOf();
      const got: string[] = [];
      const pauses = new Set(pieces.map(({ pauseAt }, index) => pauseAt + index * 300));
      const closed = Promise.withResolvers<Closure>();
      const socket = framedSocket(connection);
      socket.listen({
        message(data) {
          got.push(String(data));
          if (!pauses.has(got.length)) return;
          const before = got.length;
          socket.pause?.();
          setTimeout(() => {
            if (!closesEarly) assert.equal(got.length, before, "nothing while it is paused");
            socket.resume?.();
          }, 2);
        },
        closed: closed.resolve,
      });
      let sent = 0;
      for (const { count } of pieces) {
        send(framesOf(sent, count));
        sent += count;
      }
      if (!closesEarly) await until(() => got.length === sent, "all have come");
      send(Uint8Array.from([0x88, 2, 0x0f, 0xa0]));
      close();
      assert.equal((await closed.promise).code, 4000);
      assert.deepEqual(got, Array.from({ length: sent }, (_, index) => String(index)));
    }),
    { numRuns: 30 },
  );
});
