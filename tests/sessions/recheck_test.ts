/** Who asks a provider whether somebody may stay. */
import assert from "node:assert/strict";
import type { SessionRecord } from "../../src/base/session.ts";
import { createSealedCheck } from "../../src/sessions/recheck.ts";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import { openSession } from "../store/fixtures.ts";
import { createTestClock } from "../support/clock.ts";

Deno.test("a provider is not asked, and no token of its own spent, for whoever has not proven the key", async () => {
  const clock = createTestClock();
  const store = createMemoryStore({ clock });
  let asked = 0;
  const check = createSealedCheck({
    store,
    recheck: () => {
      asked++;
      return Promise.resolve({ kind: "welcome", claims: null, sealed: `sealed ${asked}` });
    },
  });
  const present = async ({ sid, current }: SessionRecord, provenJkt?: string) => {
    const outcome = await check({ sid, jti: current.refreshJti } as never, {
      device: { userAgent: "", ip: "::1" },
      requestId: "-",
      signal: new AbortController().signal,
      ...(provenJkt === undefined ? {} : { provenJkt }),
    });
    if ("release" in outcome) await outcome.release();
    return outcome.kind;
  };
  const free = await openSession(store, clock, { sealed: "sealed" });
  assert.equal(await present(free), "welcome");
  const session = await openSession(store, clock, { sealed: "sealed" });
  await store.bind(session.sid, { jkt: "key", by: "dbsc" });
  assert.equal(await present(session), "none");
  assert.equal(await present(session, "another key"), "none");
  assert.equal(asked, 1);
  assert.equal(await present(session, "key"), "welcome");
  assert.equal(asked, 2);
  await store.close();
});
