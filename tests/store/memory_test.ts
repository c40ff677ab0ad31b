import { createMemoryStore } from "../../src/store/memory/store.ts";
import { createTestClock } from "../support/clock.ts";
import { describeStore, type StoreHarness } from "./contract.ts";
import { checkModel } from "./model.ts";

function createMemoryHarness(): Promise<StoreHarness> {
  const clock = createTestClock();
  const store = createMemoryStore({ clock });
  return Promise.resolve({
    store,
    another: () => store,
    clock,
    advance: (ms) => Promise.resolve(clock.advance(ms)),
    dispose: () => store.close(),
  });
}

describeStore("memory store", createMemoryHarness);

Deno.test("memory store: random histories go as the model of a session says", async () => {
  await checkModel(createMemoryHarness, 200);
});
