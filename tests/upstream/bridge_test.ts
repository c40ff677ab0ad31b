import assert from "node:assert/strict";
import { bridge } from "../../src/upstream/web_socket.ts";
import type { Closure, SocketEnd, SocketListener } from "../../src/upstream/web_socket.ts";
import { until } from "../support/until.ts";

/** An end whose other side reads when it is told to. */
function endOf({ canPause }: { readonly canPause: boolean }) {
  let listener: SocketListener | null = null;
  const state = { waiting: 0, isPaused: false, closures: [] as Closure[], looks: 0 };
  const end: SocketEnd = {
    listen: (on) => void (listener = on),
    send: (data) => void (state.waiting += data.length),
    bufferedBytes() {
      state.looks++;
      return state.waiting;
    },
    close: (closure) => void state.closures.push(closure),
    ...(canPause
      ? { pause: () => void (state.isPaused = true), resume: () => void (state.isPaused = false) }
      : {}),
  };
  return { end, state, say: (bytes: number) => listener?.message(new Uint8Array(bytes)) };
}

const MIB = 1024 * 1024;

Deno.test("a reader that reads nothing more is given up, and its place is free", async () => {
  for (const slow of ["client", "upstream"] as const) {
    const ends = { client: endOf({ canPause: true }), upstream: endOf({ canPause: true }) };
    const fast = slow === "client" ? ends.upstream : ends.client;
    let isOver = false;
    bridge(ends.client.end, ends.upstream.end, () => isOver = true, { stalledMs: 300 });
    fast.say(2 * MIB);
    assert.ok(fast.state.isPaused, "slowed down");
    assert.ok(!isOver);
    await until(() => isOver, "given up");
    assert.equal(ends.client.state.closures[0]?.code, 1013);
    assert.equal(ends.upstream.state.closures[0]?.code, 1001);
    assert.ok(ends[slow].state.looks < 40, "looked at now and then");
  }
});

Deno.test("a reader that reads a little now and then is waited for", async () => {
  const client = endOf({ canPause: true });
  const upstream = endOf({ canPause: true });
  let isOver = false;
  bridge(client.end, upstream.end, () => isOver = true, { stalledMs: 3_000 });
  upstream.say(2 * MIB);
  const reading = setInterval(() => client.state.waiting -= 64 * 1024, 20);
  try {
    await until(() => !upstream.state.isPaused, "it goes on");
    assert.ok(!isOver);
  } finally {
    clearInterval(reading);
  }
});
