import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeFrame, FrameReader, isSendableCode, OPCODE } from "../../src/upstream/frames.ts";
import type { Arrival } from "../../src/upstream/frames.ts";

/** A frame as a server writes it. */
function frame(
  opcode: number,
  payload: Uint8Array,
  { fin = true, rsv = 0, mask = false }: { fin?: boolean; rsv?: number; mask?: boolean } = {},
): Uint8Array {
  const { length } = payload;
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const bit = mask ? 0x80 : 0;
  if (length < 126) head.push(bit | length);
  else if (length < 65_536) head.push(bit | 126, length >> 8, length & 0xff);
  else head.push(bit | 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (length >> shift) & 0xff));
  if (mask) head.push(0, 0, 0, 0);
  return Uint8Array.from([...head, ...payload]);
}

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Everything that is whole with these bytes. */
function push(reader: FrameReader, bytes: Uint8Array): Arrival[] {
  reader.add(bytes);
  const arrivals: Arrival[] = [];
  for (let each = reader.next(); each !== null; each = reader.next()) arrivals.push(each);
  return arrivals;
}

function read(bytes: Uint8Array, cuts: readonly number[] = [], limit = 1 << 20): Arrival[] {
  const reader = new FrameReader(limit);
  const arrivals: Arrival[] = [];
  let at = 0;
  for (
    const cut of [...cuts.map((each) => each % (bytes.length + 1)), bytes.length].sort((a, b) =>
      a - b
    )
  ) {
    arrivals.push(...push(reader, bytes.slice(at, cut)));
    at = cut;
  }
  return arrivals;
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

Deno.test("messages of any length in any fragments arrive whole, wherever the bytes are cut", () => {
  const message = fc.record({
    text: fc.boolean(),
    content: fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.constantFrom("", "x".repeat(125), "y".repeat(126), "z".repeat(65_536), "\uFEFFbom"),
    ),
    fragments: fc.array(fc.nat(300), { maxLength: 4 }),
    ping: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(message, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(70_000), { maxLength: 6 }),
      (messages, cuts) => {
        const sent: Uint8Array[] = [];
        const expected: Arrival[] = [];
        for (const { text, content, fragments, ping } of messages) {
          const payload = utf8(content.toWellFormed());
          const ends = [...fragments.map((each) => each % (payload.length + 1)), payload.length]
            .sort((a, b) => a - b);
          let at = 0;
          ends.forEach((end, index) => {
            const opcode = index > 0 ? OPCODE.continuation : text ? OPCODE.text : OPCODE.binary;
            const fin = index === ends.length - 1;
            sent.push(frame(opcode, payload.slice(at, end), { fin }));
            at = end;
            if (ping && !fin) {
              sent.push(frame(OPCODE.ping, utf8("p")));
              expected.push({ kind: "ping", data: utf8("p") });
            }
          });
          expected.push(
            text
              ? { kind: "text", data: content.toWellFormed() }
              : { kind: "binary", data: payload },
          );
        }
        assert.deepEqual(read(concat(...sent), cuts), expected);
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("what breaks the rules is told with the code that it deserves, and nothing after it", () => {
  const cases: [string, Uint8Array, number][] = [
    ["a reserved bit", frame(OPCODE.text, utf8("x"), { rsv: 4 }), 1002],
    ["an unknown data opcode", frame(3, utf8("x")), 1002],
    ["an unknown control opcode", frame(11, utf8("x")), 1002],
    ["a masked frame", frame(OPCODE.text, utf8("x"), { mask: true }), 1002],
    ["a fragmented ping", frame(OPCODE.ping, utf8("x"), { fin: false }), 1002],
    ["a long ping", frame(OPCODE.ping, new Uint8Array(126)), 1002],
    ["a continuation of nothing", frame(OPCODE.continuation, utf8("x")), 1002],
    [
      "a message within a message",
      concat(frame(OPCODE.text, utf8("x"), { fin: false }), frame(OPCODE.text, utf8("y"))),
      1002,
    ],
    ["bytes that are no text", frame(OPCODE.text, Uint8Array.of(0xc3, 0x28)), 1007],
    ["half a close code", frame(OPCODE.close, Uint8Array.of(3)), 1002],
    ["a code that nobody may send", frame(OPCODE.close, Uint8Array.of(0x03, 0xed)), 1002],
    ["a reason that is no text", frame(OPCODE.close, Uint8Array.of(0x03, 0xe8, 0xff)), 1007],
    ["a message that is too large", frame(OPCODE.binary, new Uint8Array(1001)), 1009],
    [
      "fragments that are too large together",
      concat(
        frame(OPCODE.binary, new Uint8Array(600), { fin: false }),
        frame(OPCODE.continuation, new Uint8Array(600)),
      ),
      1009,
    ],
    [
      "a length of 2^63",
      Uint8Array.of(0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0),
      1009,
    ],
  ];
  for (const [name, bytes, code] of cases) {
    const arrivals = read(concat(bytes, frame(OPCODE.text, utf8("after"))), [], 1000);
    assert.equal(arrivals.length, 1, name);
    const [only] = arrivals;
    assert.equal(only?.kind, "violation", name);
    assert.equal(only?.kind === "violation" ? only.code : 0, code, name);
  }
});

Deno.test("a message in more pieces than anybody needs is refused, and keeps little meanwhile", () => {
  const frame = (
    first: number,
    text: string,
  ) => [first, text.length, ...new TextEncoder().encode(text)];
  const pieces = (count: number, text: string) =>
    Uint8Array.from([
      ...frame(0x01, text),
      ...Array.from({ length: count - 2 }, () => frame(0x00, text)).flat(),
      ...frame(0x80, text),
    ]);
  const [whole] = push(new FrameReader(1 << 20), pieces(4_000, "x"));
  assert.deepEqual(whole, { kind: "text", data: "x".repeat(4_000) });
  const long = "x".repeat(64);
  const [many] = push(new FrameReader(1 << 20), pieces(10_000, long));
  assert.deepEqual(many, { kind: "text", data: long.repeat(10_000) });
  for (const text of ["x", ""]) {
    const [refused] = push(new FrameReader(1 << 20), pieces(20_000, text));
    assert.equal(refused?.kind === "violation" ? refused.code : 0, 1009, `"${text}"`);
  }
});

Deno.test("close frames with and without a code", () => {
  const empty = new Uint8Array();
  assert.deepEqual(read(frame(OPCODE.close, empty)), [{ kind: "close", code: null, reason: "" }]);
  const bye = concat(Uint8Array.of(4009 >> 8, 4009 & 0xff), utf8("bye"));
  assert.deepEqual(read(frame(OPCODE.close, bye)), [{ kind: "close", code: 4009, reason: "bye" }]);
  for (const code of [1000, 1001, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4999]) {
    assert.ok(isSendableCode(code));
  }
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535]) {
    assert.ok(!isSendableCode(code));
  }
});

Deno.test("what is written is masked, and unmasked it is what it was", () => {
  for (const length of [0, 1, 125, 126, 65_535, 65_536, 70_001]) {
    const payload = crypto.getRandomValues(new Uint8Array(Math.min(length, 65_536)));
    const whole = new Uint8Array(length);
    whole.set(payload);
    const bytes = encodeFrame(OPCODE.binary, whole);
    assert.equal((bytes[1] ?? 0) & 0x80, 0x80);
    const start = bytes.length - length;
    const mask = bytes.slice(start - 4, start);
    const plain = bytes.slice(start).map((byte, index) => byte ^ (mask[index & 3] ?? 0));
    assert.deepEqual(plain, whole);
  }
});
