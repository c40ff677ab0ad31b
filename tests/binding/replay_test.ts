/** The memory of used proofs: bounded, and it never forgets in the thief's favour. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { createReplayMemory } from "../../src/binding/replay.ts";

Deno.test("no proof is taken twice, however many there are and whenever they come", () => {
  const proofs = fc.array(
    fc.record({
      jkt: fc.constantFrom("a", "b"),
      jti: fc.constantFrom("1", "2", "3"),
      age: fc.integer({ min: -2, max: 11 }),
      pause: fc.integer({ min: 0, max: 3 }),
    }),
    { maxLength: 200 },
  );
  fc.assert(
    fc.property(proofs, fc.integer({ min: 1, max: 20 }), (all, maxEntries) => {
      const memory = createReplayMemory({ lifeSeconds: 10, maxEntries });
      const taken = new Set<string>();
      let now = 1_000;
      for (const { jkt, jti, age, pause } of all) {
        now += pause;
        const moment = now - age;
        // What is older is refused before it gets here.
        if (age > 10) continue;
        const outcome = memory.take(jkt, jti, moment, now);
        const name = `${jkt}.${jti}.${moment}`;
        if (taken.has(name)) assert.notEqual(outcome, "fresh", name);
        if (outcome === "fresh") taken.add(name);
        assert.ok(memory.size() <= maxEntries, "bounded");
      }
    }),
  );
});

Deno.test("a flood shortens the window, and younger proofs are still taken", () => {
  const memory = createReplayMemory({ lifeSeconds: 300, maxEntries: 100 });
  for (let second = 0; second < 50; second++) {
    for (let each = 0; each < 10; each++) {
      assert.equal(memory.take("flood", `${second}.${each}`, second, second), "fresh");
    }
  }
  assert.equal(memory.take("owner", "mine", 49, 49), "fresh");
  assert.equal(memory.take("owner", "old", 10, 49), "too_old");
  assert.ok(memory.size() <= 100);
});

Deno.test("what has expired is let go", () => {
  const memory = createReplayMemory({ lifeSeconds: 60, maxEntries: 100 });
  for (let each = 0; each < 50; each++) memory.take("a", String(each), 1_000, 1_000);
  assert.equal(memory.size(), 50);
  memory.take("a", "next", 1_061, 1_061);
  assert.equal(memory.size(), 1);
});
