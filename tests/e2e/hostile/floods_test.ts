/**
 * One connection that sends as much as it can, in pieces as small as they come, is one
 * among many: everybody else has a turn. Told by order, not by a clock: another request
 * is answered while most of the flood is still to be read.
 */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { denoHarness } from "../../support/gateway_process.ts";
import { onEachRuntime } from "../../support/stand.ts";
import type { Stand } from "../../support/stand.ts";
import { until } from "../../support/until.ts";
import { acceptOf } from "../../../src/upstream/handshake.ts";

/** A backend that takes everything, says yes to every handshake, and counts. */
const taken = { bytes: 0 };
const sink = createServer((socket) => {
  let head = "";
  let isOpen = false;
  socket.on("error", () => {});
  socket.on("data", (data: Uint8Array) => {
    taken.bytes += data.length;
    if (isOpen) return;
    head += new TextDecoder("latin1").decode(data);
    if (!head.includes("\r\n\r\n")) return;
    isOpen = true;
    const key = /^sec-websocket-key: (\S+)/im.exec(head)?.[1];
    if (key === undefined) return;
    void acceptOf(key).then((accept) =>
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
      )
    );
  });
});
await new Promise<void>((resolve) => sink.listen(0, "127.0.0.1", resolve));
sink.unref();
const { port } = sink.address() as { port: number };

const HANDSHAKE = [
  ...["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

const MIB = 1024 * 1024;

/** Floods, asks something else, and tells how much of the flood had arrived by then. */
async function whileFlooded(
  stand: Stand,
  { headers, method = "GET", piece, most }: {
    readonly headers: readonly string[];
    readonly method?: string;
    readonly piece: string;
    /** What arrives of a flood, per byte of it. */
    readonly most: number;
  },
): Promise<void> {
  const flooding = await stand.open();
  flooding.socket.on("error", () => {});
  flooding.send(stand.bytes({ method, target: "/public/flood", headers }));
  if (method === "GET") {
    const answer = await flooding.next();
    assert.equal(answer.status, 101, answer.raw);
  }
  taken.bytes = 0;
  const flood = new Uint8Array(4 * MIB);
  for (let at = 0; at < flood.length; at++) flood[at] = piece.charCodeAt(at % piece.length);
  flooding.socket.write(flood);
  await until(() => taken.bytes > 0, "the flood begins");
  const answer = await stand.send({ target: "/auth/healthz" }, 60_000);
  assert.equal(answer.status, 200);
  const all = flood.length * most;
  assert.ok(taken.bytes < all / 2, `answered after ${taken.bytes} of ${all} bytes`);
  flooding.hangUp();
  await until(async () => (await stand.get("/auth/healthz")).status === 200, "it goes on");
}

onEachRuntime("a flood of small pieces", {
  config: { upstreams: { app: { targets: [`http://127.0.0.1:${port}`] } } },
}, async (stand, step) => {
  await step(
    "of messages",
    () => whileFlooded(stand, { headers: HANDSHAKE, piece: "\x82\x81\0\0\0\0x", most: 1 }),
  );
  await step(
    "of messages without content",
    () => whileFlooded(stand, { headers: HANDSHAKE, piece: "\x82\x80\0\0\0\0", most: 1 }),
  );
  await step("of an upload's chunks", () =>
    whileFlooded(stand, {
      method: "POST",
      headers: ["Transfer-Encoding: chunked"],
      piece: "1\r\nx\r\n",
      most: 1,
    }));
}, [denoHarness]);
