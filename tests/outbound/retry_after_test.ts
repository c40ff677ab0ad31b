import assert from "node:assert/strict";
import { retryAfterSeconds } from "../../src/outbound/retry_after.ts";

const nowMs = Date.parse("2026-01-01T00:00:00Z");

Deno.test("Retry-After is read as seconds or as an HTTP date", () => {
  assert.equal(retryAfterSeconds("17", nowMs), 17);
  assert.equal(retryAfterSeconds(" 17 ", nowMs), 17);
  assert.equal(retryAfterSeconds("Thu, 01 Jan 2026 00:01:30 GMT", nowMs), 90);
});

Deno.test("a Retry-After that is missing or broken becomes a short wait", () => {
  for (
    const value of [null, "", "soon", "-5", "1.5", "Thu, 99 Foo 2026 00:00:00 GMT", "2026-01-01"]
  ) {
    assert.equal(retryAfterSeconds(value, nowMs), 30, String(value));
  }
});

Deno.test("no Retry-After makes a person wait longer than an hour, or not at all", () => {
  assert.equal(retryAfterSeconds("0", nowMs), 1);
  assert.equal(retryAfterSeconds("Wed, 01 Jan 2025 00:00:00 GMT", nowMs), 1);
  assert.equal(retryAfterSeconds("31536000", nowMs), 3_600);
  assert.equal(retryAfterSeconds("9".repeat(500), nowMs), 3_600);
  assert.equal(retryAfterSeconds("Fri, 01 Jan 2027 00:00:00 GMT", nowMs), 3_600);
});
