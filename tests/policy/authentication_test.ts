import assert from "node:assert/strict";
import { isAuthenticationMet } from "../../src/policy/authentication.ts";

const SIGNED_IN = 1_800_000_000;

function isRecentAt(ageSeconds: number): boolean {
  const rule = { acrValues: [], maxAgeSeconds: 600 };
  return isAuthenticationMet(rule, { auth_time: SIGNED_IN }, (SIGNED_IN + ageSeconds) * 1000);
}

Deno.test("a sign-in is recent for as long as the route says, and not again when the clock is set back", () => {
  assert.equal(isRecentAt(0), true);
  assert.equal(isRecentAt(620), true);
  assert.equal(isRecentAt(640), false);
  // The provider's clock may be ahead of ours.
  assert.equal(isRecentAt(-120), true);
  assert.equal(isRecentAt(-3_600), false);
});

Deno.test("without the claim that is asked for nothing is met", () => {
  const asked = { acrValues: ["gold"], maxAgeSeconds: null };
  assert.equal(isAuthenticationMet(asked, {}, 0), false);
  assert.equal(isAuthenticationMet(asked, { acr: ["gold"] }, 0), false);
  assert.equal(isAuthenticationMet(asked, { acr: "gold" }, 0), true);
  const recent = { acrValues: [], maxAgeSeconds: 600 };
  assert.equal(isAuthenticationMet(recent, {}, SIGNED_IN * 1000), false);
  assert.equal(isAuthenticationMet(recent, { auth_time: "1800000000" }, SIGNED_IN * 1000), false);
});
