import assert from "node:assert/strict";
import { Upload } from "../../src/upstream/bodies.ts";

Deno.test("while an upload of many small pieces is taken, everybody else has a turn", async () => {
  const PIECES = 200_000;
  let given = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (given++ < PIECES) controller.enqueue(new Uint8Array(1));
      else controller.close();
    },
  });
  let turns = 0;
  const others = setInterval(() => turns++, 1);
  let taken = 0;
  for await (const piece of new Upload(stream, null, PIECES)) taken += piece.length;
  clearInterval(others);
  assert.equal(taken, PIECES);
  assert.ok(turns > 5, `${turns} turns`);
});
