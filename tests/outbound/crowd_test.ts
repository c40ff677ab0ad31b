import assert from "node:assert/strict";
import { createCrowd } from "../../src/outbound/crowd.ts";
import { createTestClock } from "../support/clock.ts";

const endless = () => new Promise<never>(() => {});

Deno.test("a crowd has so many places, and work that is over gives its own back", async () => {
  const inCrowd = createCrowd({ most: 2, longestMs: 1_000, clock: createTestClock() });
  for (let i = 0; i < 10; i++) assert.equal(await inCrowd(() => Promise.resolve(i)), i);
  await assert.rejects(inCrowd(() => Promise.reject(new Error("its own"))), /its own/);
  void inCrowd(endless);
  void inCrowd(endless);
  await assert.rejects(inCrowd(() => Promise.resolve()), /too many questions/);
});

Deno.test("work that died without a word keeps its place only for a while", async () => {
  const clock = createTestClock();
  const inCrowd = createCrowd({ most: 1, longestMs: 1_000, clock });
  void inCrowd(endless);
  await assert.rejects(inCrowd(() => Promise.resolve()));
  clock.advance(2_000);
  assert.equal(await inCrowd(() => Promise.resolve("in")), "in");
});
