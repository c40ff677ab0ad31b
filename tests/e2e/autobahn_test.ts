/**
 * The cases of the Autobahn test suite's fuzzing client, made again: against an
 * echo server directly, and through Postern. What passes directly passes through
 * Postern.
 *
 * @module
 */
import assert from "node:assert/strict";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import { startGateway } from "../support/gateway.ts";
import { exchangeFrames } from "../support/raw_web_socket.ts";
import type { RawFrame, RawOutcome } from "../support/raw_web_socket.ts";
import { report } from "../support/report.ts";

const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10];

/** What is to happen. */
type Expected =
  /** These messages come back, in this order; then a close of ours is answered. */
  | { readonly echo: readonly (string | Uint8Array)[]; readonly pongs?: readonly string[] }
  /** The server fails the connection: this code, or it just goes (RFC 6455 §7.1.7). */
  | { readonly fails: number }
  /** Our close is answered with its own code. */
  | { readonly closes: number | null };

interface Case {
  readonly name: string;
  readonly send: readonly RawFrame[];
  readonly expect: Expected;
}

const utf8 = (text: string) => new TextEncoder().encode(text);
const message = (payload: string | Uint8Array, chop?: number): RawFrame => ({
  opcode: typeof payload === "string" ? TEXT : BINARY,
  payload,
  ...(chop === undefined ? {} : { chop }),
});
/** One message in fragments. */
function fragments(opcode: number, ...parts: readonly (string | Uint8Array)[]): RawFrame[] {
  return parts.map((payload, index) => ({
    opcode: index === 0 ? opcode : CONTINUATION,
    payload,
    fin: index === parts.length - 1,
  }));
}
function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.slice(at, at + size));
  return parts;
}
function closing(code: number | null, reason: string | Uint8Array = ""): RawFrame {
  if (code === null) return { opcode: CLOSE };
  const words = typeof reason === "string" ? utf8(reason) : reason;
  return { opcode: CLOSE, payload: Uint8Array.of(code >> 8, code & 0xff, ...words) };
}

function* cases(): Generator<Case> {
  // 1: framing.
  for (const length of [0, 125, 126, 127, 128, 65_535, 65_536]) {
    const text = "*".repeat(length);
    yield { name: `1.1 text of ${length}`, send: [message(text)], expect: { echo: [text] } };
    const bytes = new Uint8Array(length).fill(0xfe);
    yield { name: `1.2 bytes of ${length}`, send: [message(bytes)], expect: { echo: [bytes] } };
  }
  yield {
    name: "1.1.8 text in chops of 997",
    send: [message("*".repeat(65_536), 997)],
    expect: { echo: ["*".repeat(65_536)] },
  };
  // 2: pings and pongs.
  const pinged = (name: string, payload: string, chop?: number): Case => ({
    name,
    send: [{ opcode: PING, payload, ...(chop === undefined ? {} : { chop }) }, message("after")],
    expect: { echo: ["after"], pongs: [payload] },
  });
  yield pinged("2.1 an empty ping", "");
  yield pinged("2.2 a ping with text", "Hello, world!");
  yield pinged("2.4 a ping of 125", "p".repeat(125));
  yield pinged("2.6 a ping in single bytes", "p".repeat(125), 1);
  yield {
    name: "2.5 a ping of 126",
    send: [{ opcode: PING, payload: "p".repeat(126) }],
    expect: { fails: 1002 },
  };
  yield {
    name: "2.7-2.9 pongs that nobody asked for",
    send: [{ opcode: PONG }, { opcode: PONG, payload: "unsolicited" }, message("after")],
    expect: { echo: ["after"] },
  };
  const ten = Array.from({ length: 10 }, (_, index) => `payload-${index}`);
  yield {
    name: "2.10 ten pings",
    send: [...ten.map((payload) => ({ opcode: PING, payload })), message("after")],
    expect: { echo: ["after"], pongs: ten },
  };
  // 3: reserved bits.
  for (let rsv = 1; rsv <= 7; rsv++) {
    yield {
      name: `3.${rsv} reserved bits ${rsv} in a text`,
      send: [{ opcode: TEXT, payload: "x", rsv }],
      expect: { fails: 1002 },
    };
  }
  yield {
    name: "3.7 reserved bits in a ping",
    send: [{ opcode: PING, rsv: 4 }],
    expect: { fails: 1002 },
  };
  // 4: opcodes.
  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
    yield {
      name: `4 opcode ${opcode}`,
      send: [{ opcode, payload: "x" }],
      expect: { fails: 1002 },
    };
  }
  // 5: fragmentation.
  for (const [name, opcode] of [["5.1 ping", PING], ["5.2 pong", PONG]] as const) {
    yield {
      name: `${name} in fragments`,
      send: [{ opcode, payload: "a", fin: false }, { opcode: CONTINUATION, payload: "b" }],
      expect: { fails: 1002 },
    };
  }
  yield {
    name: "5.3 text in two",
    send: fragments(TEXT, "frag", "ment"),
    expect: { echo: ["fragment"] },
  };
  const [one, two] = fragments(TEXT, "frag", "ment");
  if (one === undefined || two === undefined) throw new Error("two fragments");
  yield {
    name: "5.6 a ping between fragments",
    send: [one, { opcode: PING, payload: "mid" }, two],
    expect: { echo: ["fragment"], pongs: ["mid"] },
  };
  yield {
    name: "5.8 the same in single bytes",
    send: [{ ...one, chop: 1 }, { opcode: PING, payload: "mid", chop: 1 }, { ...two, chop: 1 }],
    expect: { echo: ["fragment"], pongs: ["mid"] },
  };
  for (const fin of [true, false]) {
    yield {
      name: `5.9-5.14 a continuation of nothing, ${fin ? "the last" : "with more to come"}`,
      send: [{ opcode: CONTINUATION, payload: "x", fin }, message("after")],
      expect: { fails: 1002 },
    };
  }
  yield {
    name: "5.15 a continuation after the end",
    send: [one, two, { opcode: CONTINUATION, payload: "x" }],
    expect: { fails: 1002 },
  };
  yield {
    name: "5.18 a message within a message",
    send: [one, { opcode: TEXT, payload: "x" }],
    expect: { fails: 1002 },
  };
  yield {
    name: "5.19 five fragments and two pings",
    send: [
      ...fragments(TEXT, "a", "b", "c", "d", "e").flatMap((frame, index) =>
        index === 1 || index === 3 ? [frame, { opcode: PING, payload: `pongme ${index}` }] : [frame]
      ),
    ],
    expect: { echo: ["abcde"], pongs: ["pongme 1", "pongme 3"] },
  };
  // 6: UTF-8.
  const kosme = "κόσμε, 𝄞, \u{10FFFF}, \uFEFFmark";
  yield { name: "6.2 text beyond ASCII", send: [message(kosme)], expect: { echo: [kosme] } };
  yield {
    name: "6.2.3 the same in fragments of a byte",
    send: fragments(TEXT, ...cut(utf8(kosme), 1)),
    expect: { echo: [kosme] },
  };
  yield { name: "6.1 empty fragments", send: fragments(TEXT, "", "", ""), expect: { echo: [""] } };
  yield {
    name: "6.1.3 empty, full, empty",
    send: fragments(TEXT, "", "middle", ""),
    expect: { echo: ["middle"] },
  };
  const invalid: Readonly<Record<string, readonly number[]>> = {
    "6.3 a surrogate in the middle": [0xce, 0xba, 0xed, 0xa0, 0x80, 0x65],
    "6.10 overlong": [0xc0, 0xaf],
    "6.11 overlong of four": [0xf0, 0x80, 0x80, 0xaf],
    "6.13 a lone start": [0xc3],
    "6.14 a lone continuation": [0x80],
    "6.15 an impossible byte": [0xfe],
    "6.19 beyond Unicode": [0xf4, 0x90, 0x80, 0x80],
    "6.20 half of a pair": [0xed, 0xad, 0xbf],
  };
  for (const [name, bytes] of Object.entries(invalid)) {
    const payload = Uint8Array.from(bytes);
    yield { name, send: [{ opcode: TEXT, payload }], expect: { fails: 1007 } };
    yield {
      name: `${name}, in fragments`,
      send: fragments(TEXT, ...cut(payload, 1), "after"),
      expect: { fails: 1007 },
    };
  }
  yield {
    name: "6.21 noncharacters are text",
    send: [message("\uFFFE\uFFFF\u{1FFFE}")],
    expect: { echo: ["\uFFFE\uFFFF\u{1FFFE}"] },
  };
  // 7: closing.
  yield {
    name: "7.1.2 two closes",
    send: [closing(1000), closing(1000)],
    expect: { closes: 1000 },
  };
  yield {
    name: "7.1.3 a ping after the close",
    send: [closing(1000), { opcode: PING, payload: "late" }],
    expect: { closes: 1000 },
  };
  yield {
    name: "7.1.4 a message after the close",
    send: [closing(1000), message("late")],
    expect: { closes: 1000 },
  };
  yield { name: "7.3.1 without a code", send: [closing(null)], expect: { closes: null } };
  yield {
    name: "7.3.2 half a code",
    send: [{ opcode: CLOSE, payload: Uint8Array.of(3) }],
    expect: { fails: 1002 },
  };
  yield {
    name: "7.3.5 a reason of 123",
    send: [closing(1000, "r".repeat(123))],
    expect: { closes: 1000 },
  };
  yield {
    name: "7.3.6 a reason of 124",
    send: [closing(1000, "r".repeat(124))],
    expect: { fails: 1002 },
  };
  yield {
    name: "7.5.1 a reason that is no text",
    send: [closing(1000, Uint8Array.of(0xce, 0xed, 0xa0, 0x80))],
    expect: { fails: 1007 },
  };
  for (
    const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
  ) {
    yield { name: `7.7 code ${code}`, send: [closing(code)], expect: { closes: code } };
  }
  for (const code of [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535]) {
    yield { name: `7.9 code ${code}`, send: [closing(code)], expect: { fails: 1002 } };
  }
  // 9: large messages.
  for (
    const [name, size] of [["64 KiB", 1 << 16], ["1 MiB", 1 << 20], ["16 MiB", 16 << 20]] as const
  ) {
    const text = "x".repeat(size);
    yield { name: `9.1 text of ${name}`, send: [message(text)], expect: { echo: [text] } };
    const bytes = new Uint8Array(size).fill(0xfe);
    yield { name: `9.2 bytes of ${name}`, send: [message(bytes)], expect: { echo: [bytes] } };
  }
  const large = new Uint8Array(4 << 20).fill(0x2a);
  for (const size of [256, 4096, 1 << 16, 1 << 20]) {
    yield {
      name: `9.4 4 MiB in fragments of ${size}`,
      send: fragments(BINARY, ...cut(large, size)),
      expect: { echo: [large] },
    };
  }
  yield {
    name: "9.7 a thousand small ones",
    send: Array.from({ length: 1000 }, (_, index) => message(`message ${index}`)),
    expect: { echo: Array.from({ length: 1000 }, (_, index) => `message ${index}`) },
  };
}

/** What Deno's server side of a WebSocket decides for us. */
const DIFFERENT: Readonly<Record<string, string>> = {
  // `Deno.upgradeWebSocket` takes a close frame of 126 bytes, one more than RFC 6455 §5.5 allows,
  // and answers it; nothing of it reaches the upstream but the code.
  "7.3.6 a reason of 124": "closed with 1000",
};

/** Whether two messages are the same. */
function isSame(seen: { opcode: number; payload: Uint8Array }, sent: string | Uint8Array): boolean {
  const bytes = typeof sent === "string" ? utf8(sent) : sent;
  if (seen.opcode !== (typeof sent === "string" ? TEXT : BINARY)) return false;
  if (seen.payload.length !== bytes.length) return false;
  return seen.payload.every((byte, index) => byte === bytes[index]);
}

/** Puts fragments of a server together again. */
function messagesOf({ frames }: Pick<RawOutcome, "frames">) {
  const whole: { opcode: number; payload: Uint8Array }[] = [];
  for (const { opcode, payload } of frames) {
    const last = whole.at(-1);
    if (opcode === CONTINUATION && last !== undefined) {
      last.payload = Uint8Array.from([...last.payload, ...payload]);
    } else if (opcode === TEXT || opcode === BINARY) whole.push({ opcode, payload });
  }
  return whole;
}

/** `ok`, or what was otherwise. */
function verdictOn({ expect }: Case, outcome: RawOutcome): string {
  const { closeCode, isClosed, hasEnded } = outcome;
  if ("fails" in expect) {
    if (!hasEnded && !isClosed) return "goes on";
    // The connection may also just be dropped (RFC 6455 §7.1.7).
    return !isClosed || closeCode === expect.fails ? "ok" : `closed with ${closeCode}`;
  }
  if ("closes" in expect) {
    if (!isClosed) return "not closed";
    const isAnswered = closeCode === expect.closes ||
      // Answering a close without a code by 1000 is usual.
      (expect.closes === null && closeCode === 1000);
    return isAnswered ? "ok" : `closed with ${closeCode}`;
  }
  const messages = messagesOf(outcome);
  if (messages.length !== expect.echo.length) return `${messages.length} messages`;
  if (!messages.every((seen, index) => isSame(seen, expect.echo[index] ?? ""))) {
    return "other words";
  }
  const pongs = outcome.frames.filter(({ opcode }) => opcode === PONG)
    .map(({ payload }) => new TextDecoder().decode(payload));
  // Of several pings the last is enough (§5.5.3).
  return (expect.pongs ?? []).every((pong) => pongs.includes(pong)) ||
      pongs.at(-1) === expect.pongs?.at(-1)
    ? "ok"
    : `pongs ${pongs}`;
}

async function run(each: Case, port: number, host: string): Promise<string> {
  const { expect } = each;
  const wanted = "echo" in expect ? expect.echo.length : Infinity;
  const pongs = "echo" in expect ? expect.pongs?.length ?? 0 : 0;
  const outcome = await exchangeFrames({
    port,
    host,
    path: "/echo",
    send: each.send,
    quietMs: "echo" in expect ? 5_000 : 1_500,
    enough: (frames) =>
      frames.filter(({ opcode }) => opcode === TEXT || opcode === BINARY).length >= wanted &&
      frames.filter(({ opcode }) => opcode === PONG).length >= pongs,
  });
  return verdictOn(each, outcome);
}

Deno.test("the cases of the Autobahn suite: the same verdicts directly and through Postern", async () => {
  const echo = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    perMessageDeflate: false,
    maxPayload: 64 << 20,
  });
  echo.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  await new Promise((resolve) => echo.once("listening", resolve));
  const { port } = echo.address() as { port: number };
  const gateway = await startGateway({
    upstream: `http://127.0.0.1:${port}`,
    config: { routes: [{ path: "/*", upstream: "app", auth: "none" }] },
  });
  const through = new URL(gateway.url);
  const different: Record<string, string> = {};
  let count = 0;
  try {
    for (const each of cases()) {
      count++;
      const [direct, passed] = await Promise.all([
        run(each, port, `127.0.0.1:${port}`),
        run(each, Number(through.port), through.host),
      ]);
      assert.equal(direct, "ok", `${each.name}, direct`);
      if (passed !== direct) different[each.name] = passed;
    }
  } finally {
    await gateway.stop();
    for (const socket of echo.clients) socket.terminate();
    await new Promise((resolve) => echo.close(resolve));
  }
  report(
    `${count} cases of the Autobahn suite, ${Object.keys(different).length} with another verdict`,
  );
  assert.deepEqual(different, DIFFERENT);
});
