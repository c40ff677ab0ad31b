import assert from "node:assert/strict";
import { readLimited } from "../../src/http/body.ts";

function posted(body: ReadableStream<Uint8Array>): Request {
  return new Request("http://localhost/auth/login", { method: "POST", body });
}

Deno.test("a body that never comes holds nothing beyond its deadline", async () => {
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: () => new Promise<void>(() => {}),
    cancel: () => void (cancelled = true),
  });
  assert.equal(await readLimited(posted(endless), 20), "request_timeout");
  await Promise.resolve();
  assert.ok(cancelled, "the stream is let go");
});

Deno.test("a body is read whole, up to what is meant for us", async () => {
  const pieces = (count: number) =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (let index = 0; index < count; index++) {
          controller.enqueue(new Uint8Array(1024).fill(index));
        }
        controller.close();
      },
    });
  const whole = await readLimited(posted(pieces(64)));
  assert.ok(typeof whole !== "string");
  assert.equal(whole.length, 64 * 1024);
  assert.equal(whole.at(-1), 63);
  assert.equal(await readLimited(posted(pieces(65))), "payload_too_large");
});

Deno.test("a body that is broken off is the client's fault", async () => {
  const broken = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error("gone")),
  });
  assert.equal(await readLimited(posted(broken)), "invalid_request");
});

Deno.test("a body in more pieces than anybody needs is given up early", async () => {
  let given = 0;
  let isCancelled = false;
  const crumbs = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (++given > 60_000) controller.close();
      else controller.enqueue(new Uint8Array(1));
    },
    cancel: () => void (isCancelled = true),
  });
  assert.equal(await readLimited(posted(crumbs)), "invalid_request");
  await Promise.resolve();
  assert.ok(isCancelled);
  assert.ok(given < 500, `${given} pieces were read`);
});
