import assert from "node:assert/strict";
import * as fc from "fast-check";
import { checkLogChain, createLogChain } from "../../src/runtime/deno/log_chain.ts";
import { ecsLine } from "../../src/telemetry/ecs.ts";
import type { AuditEvent } from "../../src/telemetry/events.ts";
import { createEventLog, type FormatLine, jsonLine, textLine } from "../../src/telemetry/log.ts";
import { ocsfLine } from "../../src/telemetry/ocsf.ts";

const FORMATS: Readonly<Record<string, FormatLine>> = {
  text: textLine,
  json: jsonLine,
  ecs: ecsLine,
  ocsf: ocsfLine,
};
const CONTEXT = { requestId: "req-1", clientAddress: "::1" };
const AT_MS = 1_800_000_000_000;

function logged(format: FormatLine, reason: string): string {
  let line = "";
  const log = createEventLog({ format, write: (text) => line = text, clock: () => AT_MS });
  log({ event: "sign_in_failed", reason }, CONTEXT);
  return line;
}

Deno.test("production writes one JSON object for each event", () => {
  assert.deepEqual(JSON.parse(logged(jsonLine, "wrong")), {
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
    logged(textLine, "wrong"),
    "08:00:00.000 INFO  sign_in_failed     reason=wrong client=::1 request=req-1",
  );
});

Deno.test("what came from outside can forge neither a line nor a field, in any format", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (reason) => {
    for (const [name, format] of Object.entries(FORMATS)) {
      const line = logged(format, `${reason}\nINFO sign_in subject=admin "\u001b[31m`);
      assert.ok(![..."\n\r\u001b"].some((char) => line.includes(char)), line);
      if (name !== "text") JSON.parse(line);
    }
  }));
});

// deno-lint-ignore no-explicit-any
function parsed(format: FormatLine, event: AuditEvent): any {
  return JSON.parse(format(event, CONTEXT, AT_MS));
}

Deno.test("ECS: who did what from where, in fields that Elastic knows", () => {
  const line = parsed(ecsLine, {
    event: "request",
    method: "GET",
    path: "/api",
    upstream: "app",
    status: 200,
    durationMs: 12.5,
    subject: "ada",
  });
  assert.equal(line["@timestamp"], "2027-01-15T08:00:00.000Z");
  assert.deepEqual(line.event, {
    kind: "event",
    action: "request",
    category: ["web"],
    type: ["access", "allowed"],
    outcome: "success",
    duration: 12_500_000,
  });
  assert.deepEqual(line.user, { id: "ada" });
  assert.deepEqual(line.source, { address: "::1", ip: "::1" });
  assert.deepEqual(line.http, {
    request: { id: "req-1", method: "GET" },
    response: { status_code: 200 },
  });
  assert.deepEqual(line.postern, { upstream: "app" });
  const traced = { ...CONTEXT, traceId: "0af7651916cd43dd8448eb211c80319c" };
  const inTrace = JSON.parse(ecsLine({ event: "store_unavailable", reason: "r" }, traced, AT_MS));
  assert.deepEqual(inTrace.trace, { id: traced.traceId });
  const ofNobody = { requestId: "-", clientAddress: "-" };
  const alone = JSON.parse(ecsLine({ event: "draining", reason: "signal" }, ofNobody, AT_MS));
  assert.deepEqual([alone.http, alone.source, alone.trace], [undefined, undefined, undefined]);
  const reused = parsed(ecsLine, { event: "refresh_reused", subject: "ada", sid: "s" });
  assert.equal(reused.event.kind, "alert");
});

Deno.test("OCSF: classes, activities and types fit together as the schema has them", () => {
  const logon = parsed(ocsfLine, { event: "sign_in", subject: "ada", sid: "s-1" });
  assert.equal(logon.class_uid, 3002);
  assert.equal(logon.category_uid, 3);
  assert.equal(logon.type_uid, 300201);
  assert.deepEqual(logon.user, { uid: "ada" });
  assert.deepEqual(logon.session, { uid: "s-1" });
  assert.equal(logon.auth_protocol_id, undefined);
  const vouched = { event: "sign_in", subject: "work|ada", sid: "s", provider: "work" } as const;
  const provided = parsed(ocsfLine, { ...vouched, amr: ["pwd", "mfa"] });
  assert.deepEqual([provided.auth_protocol_id, provided.is_mfa], [4, true]);
  assert.deepEqual(provided.unmapped, { provider: "work", amr: ["pwd", "mfa"] });
  assert.equal(parsed(ocsfLine, { ...vouched, amr: ["pwd"] }).is_mfa, false);
  assert.equal(
    parsed(ocsfLine, { event: "session_revoked", subject: "a", sid: "s" }).type_uid,
    300202,
  );
  const failed = parsed(ocsfLine, { event: "sign_in_failed", reason: "rejected" });
  assert.deepEqual([failed.status_id, failed.user], [2, { name: "unknown" }]);
  const denied = parsed(ocsfLine, {
    event: "denied",
    code: "token_missing",
    method: "POST",
    path: "/x",
  });
  assert.deepEqual(
    [denied.class_uid, denied.activity_id, denied.type_uid, denied.disposition_id],
    [4002, 6, 400206, 2],
  );
  const reused = parsed(ocsfLine, { event: "refresh_reused", subject: "ada", sid: "s" });
  assert.deepEqual([reused.class_uid, reused.severity_id], [2004, 4]);
  assert.ok(reused.finding_info.title);
  const admin = parsed(ocsfLine, {
    event: "admin_action",
    action: "subject_revoked",
    actor: "token:grace",
    subject: "ada",
  });
  assert.deepEqual(admin.actor, { user: { name: "token:grace" } });
  assert.equal(admin.unmapped.action, "subject_revoked");
});

Deno.test("a chain is whole until a line is changed, taken out, put in or moved", () => {
  const link = createLogChain();
  const lines = Array.from(
    { length: 20 },
    (_, index) =>
      link(jsonLine({ event: "sign_in", subject: `s-${index}`, sid: "x" }, CONTEXT, AT_MS)),
  );
  for (const line of lines) JSON.parse(line);
  const other = createLogChain();
  const second = [other(jsonLine({ event: "draining", reason: "r" }, CONTEXT, AT_MS))];
  const whole = checkLogChain(["warning: something else", ...lines, ...second]);
  assert.deepEqual([whole.kind, whole.kind === "whole" && whole.chains], ["whole", 2]);
  const broken: Record<string, string[]> = {
    changed: lines.with(7, (lines[7] ?? "").replace("s-7", "s-8")),
    "taken out": lines.toSpliced(7, 1),
    "put in": lines.toSpliced(7, 0, lines[3] ?? ""),
    moved: lines.toSpliced(7, 2, lines[8] ?? "", lines[7] ?? ""),
    "first ones gone": lines.slice(3),
  };
  for (const [what, each] of Object.entries(broken)) {
    assert.equal(checkLogChain(each).kind, "broken", what);
  }
});

Deno.test("a terminal is told of control characters, and obeys none", () => {
  const line = logged(textLine, "a\u009b31mb\u007fc\u202ed\u0085e\u001b[2J");
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u202e]/);
  assert.match(line, /reason="a\\u009b31mb\\u007fc\\u202ed\\u0085e\\u001b\[2J"/);
});
