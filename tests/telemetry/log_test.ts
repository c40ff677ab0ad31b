import assert from "node:assert/strict";
import { createEventLog } from "../../src/telemetry/log.ts";

function logged(format: "text" | "json", reason: string): string {
  let line = "";
  const log = createEventLog({
    format,
    write: (text) => line = text,
    clock: () => 1_800_000_000_000,
  });
  log({ event: "sign_in_failed", reason }, { requestId: "req-1", clientAddress: "::1" });
  return line;
}

Deno.test("production writes one JSON object for each event", () => {
  assert.deepEqual(JSON.parse(logged("json", "wrong")), {
    time: "2027-01-15T08:00:00.000Z",
    level: "info",
    event: "sign_in_failed",
    requestId: "req-1",
    client: "::1",
    reason: "wrong",
  });
});

Deno.test("a terminal gets one readable line", () => {
  assert.equal(
    logged("text", "wrong"),
    "08:00:00.000 INFO  sign_in_failed     reason=wrong client=::1 request=req-1",
  );
});

Deno.test("what came from outside can forge neither a line nor a field", () => {
  for (const format of ["text", "json"] as const) {
    const line = logged(format, 'x\nINFO sign_in subject=admin "\u001b[31m');
    assert.ok(![..."\n\u001b"].some((char) => line.includes(char)), line);
  }
});
