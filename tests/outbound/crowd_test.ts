import assert from "node:assert/strict";
import { createCrowd } from "../../src/outbound/crowd.ts";
import { createTestClock } from "../support/clock.ts";

const endless = () => new Promise<never>(() => {});

Deno.test("a crowd has so many places, and work that is over gives its own back", async () => {
  const inCrowd = createCrowd({ most: 2, mostEach: 2, longestMs: 1_000, clock: createTestClock() });
  for (let i = 0; i < 10; i++) assert.equal(await inCrowd(null, () => Promise.resolve(i)), i);
  await assert.rejects(inCrowd(null, () => Promise.reject(new Error("its own"))), /its own/);
  void inCrowd(null, endless);
  void inCrowd(null, endless);
  await assert.rejects(inCrowd(null, () => Promise.resolve()), /too many questions/);
});

Deno.test("work that died without a word keeps its place only for a while", async () => {
  const clock = createTestClock();
  const inCrowd = createCrowd({ most: 1, mostEach: 1, longestMs: 1_000, clock });
  void inCrowd(null, endless);
  await assert.rejects(inCrowd(null, () => Promise.resolve()));
  clock.advance(2_000);
  assert.equal(await inCrowd(null, () => Promise.resolve("in")), "in");
});

Deno.test("nobody takes the places of all", async () => {
  const inCrowd = createCrowd({
    most: 6,
    mostEach: 2,
    longestMs: 1_000,
    clock: createTestClock(),
  });
  const end = Promise.withResolvers<void>();
  const held = [inCrowd("mallory", () => end.promise), inCrowd("mallory", () => end.promise)];
  await assert.rejects(inCrowd("mallory", () => Promise.resolve()), /too many questions/);
  assert.equal(await inCrowd("ada", () => Promise.resolve("in")), "in");
  assert.equal(await inCrowd(null, () => Promise.resolve("in")), "in");
  end.resolve();
  await Promise.all(held);
  assert.equal(await inCrowd("mallory", () => Promise.resolve("again")), "again");
});
