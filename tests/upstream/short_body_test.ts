import assert from "node:assert/strict";
import * as fc from "fast-check";
import { SHORT_BYTES, ShortBody, shortLength } from "../../src/upstream/short_body.ts";

/** A body whose pieces are handed out by the test. */
function dripping() {
  let controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  let reason: unknown = null;
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (its) => void (controller = its),
    cancel: (why) => void (reason = why),
  });
  return {
    stream,
    drip: (text: string) => controller.enqueue(new TextEncoder().encode(text)),
    end: () => controller.close(),
    breakOff: () => controller.error(new TypeError("cut")),
    cancelledWith: () => reason,
  };
}

const textOf = (bytes: Uint8Array | null) =>
  bytes === null ? null : new TextDecoder().decode(bytes);

async function whole(short: ShortBody): Promise<Uint8Array> {
  const body = await short.gathered;
  assert.ok(body instanceof Uint8Array);
  return body;
}

async function rest(short: ShortBody): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const body = await short.gathered;
  assert.ok(body instanceof ReadableStream);
  return body.getReader();
}

Deno.test("a body is short if its declared length is, and nobody has to decode it", () => {
  const length = (...headers: [string, string][]) => shortLength(headers);
  assert.equal(length(["content-length", "0"]), 0);
  assert.equal(length(["etag", "x"], ["content-length", String(SHORT_BYTES)]), SHORT_BYTES);
  assert.equal(length(["content-length", String(SHORT_BYTES + 1)]), null);
  assert.equal(length(["content-length", "10"], ["content-encoding", "gzip"]), null);
  assert.equal(length(["content-encoding", "gzip"], ["content-length", "10"]), null);
  for (const value of ["", "-1", "1e3", "0x10", "10, 10", "9999999999"]) {
    assert.equal(length(["content-length", value]), null, value);
  }
  assert.equal(length(), null);
});

Deno.test("a short body in any pieces becomes whole", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ minLength: 1 }), { maxLength: 6 }), async (pieces) => {
      const body = dripping();
      const all = pieces.join("");
      const short = new ShortBody(
        body.stream.getReader(),
        new TextEncoder().encode(all).byteLength,
      );
      for (const piece of pieces) body.drip(piece);
      // Surrogates that were parted come back as they can.
      assert.equal(
        textOf(await whole(short)),
        new TextDecoder().decode(
          new Uint8Array(pieces.flatMap((piece) => [...new TextEncoder().encode(piece)])),
        ),
      );
    }),
    { numRuns: 50 },
  );
});

Deno.test("a short body that nobody can wait for goes on as it comes", async () => {
  const body = dripping();
  const short = new ShortBody(body.stream.getReader(), 6);
  body.drip("ab");
  await new Promise((resolve) => setTimeout(resolve));
  short.hurry();
  short.hurry();
  const reader = await rest(short);
  assert.equal(textOf((await reader.read()).value ?? null), "ab");
  body.drip("cd");
  assert.equal(textOf((await reader.read()).value ?? null), "cd");
  body.drip("ef");
  body.end();
  assert.equal(textOf((await reader.read()).value ?? null), "ef");
  assert.equal((await reader.read()).done, true);
});

Deno.test("a short body that breaks off, or ends too early, never ends as if it were whole", async () => {
  for (const end of ["breakOff", "end"] as const) {
    const body = dripping();
    const short = new ShortBody(body.stream.getReader(), 6);
    body.drip("ab");
    await new Promise((resolve) => setTimeout(resolve));
    body[end]();
    const reader = await rest(short);
    assert.equal(textOf((await reader.read()).value ?? null), "ab");
    await assert.rejects(reader.read(), TypeError);
  }
});

Deno.test("nobody wants the rest of a short body: its upstream is told", async () => {
  const body = dripping();
  const short = new ShortBody(body.stream.getReader(), 6);
  short.hurry();
  await (await rest(short)).cancel("gone");
  assert.equal(body.cancelledWith(), "gone");
});
