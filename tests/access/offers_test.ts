import assert from "node:assert/strict";
import { createDeviceOffers } from "../../src/access/offers.ts";

const CREATED_MS = 1_800_000_000_000;

function overdueAt(ageMs: number, requiredAfterMs: number | null = 60_000): boolean {
  const unused = () => assert.fail("not asked here");
  const offers = createDeviceOffers({
    challenges: { issue: unused, check: unused },
    verifier: { verify: unused },
    clock: () => CREATED_MS + ageMs,
    path: "/auth/dbsc/register",
    requiredAfterMs,
    clockToleranceSeconds: 5,
  });
  return offers.isOverdue({ bound: null, sessionCreatedAtMs: CREATED_MS });
}

Deno.test("a clock that is set back gives no session more time without a key", () => {
  assert.equal(overdueAt(59_000), false);
  assert.equal(overdueAt(61_000), true);
  // Another instance's clock may be that much ahead.
  assert.equal(overdueAt(-4_000), false);
  assert.equal(overdueAt(-3_600_000), true);
  assert.equal(overdueAt(-3_600_000, null), false);
});
