import assert from "node:assert/strict";
import { type AnswerName, ANSWERS } from "../../src/admin/answers.ts";
import { adminRoutes } from "../../src/admin/app.ts";
import { openApi, openApiDocument, OPERATIONS } from "../../src/admin/openapi.ts";
import { StoreUnavailableError } from "../../src/base/errors.ts";
import type { AdminParts } from "../../src/admin/ports.ts";
import { adminHarness } from "./harness.ts";

Deno.test("the document names every path of the API, and no other", () => {
  const app = adminRoutes({ events() {} } as unknown as AdminParts, []);
  const served = app.routes
    .filter(({ method, path }) => method !== "ALL" && path !== "*")
    .map(({ method, path }) => `${method.toLowerCase()} ${path}`);
  const described = OPERATIONS.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(described.toSorted(), [...new Set(served)].toSorted());
});

Deno.test("every real answer is what the document says", async () => {
  const admin = await adminHarness({ extensions: [openApi] });
  const sid = admin.sessions[0]?.sid ?? "";
  admin.events.length = 0;
  const bodies: Record<string, unknown> = {
    "/v1/revocations": { jti: "j-1" },
    "/v1/config/check": {},
  };
  for (const operation of OPERATIONS) {
    const path = operation.path.replace(":sid", sid).replace(":subject", "ada");
    const json = bodies[operation.path];
    const { status, body } = operation.answer === "text"
      ? { status: (await admin.ask(path)).status, body: null }
      : await admin.json(path, {
        method: operation.method.toUpperCase(),
        ...(operation.method === "post" && json !== undefined ? { json } : {}),
      });
    assert.equal(status, operation.status ?? 200, `${operation.method} ${path}`);
    if (operation.answer === "text" || operation.answer === "nothing") continue;
    const parsed = ANSWERS[operation.answer].safeParse(body);
    assert.ok(parsed.success, `${operation.method} ${path}: ${parsed.error?.message}`);
    // The sessions that a DELETE ended are needed further down.
    if (operation.method === "delete") admin.sessions.length = 0;
  }
  const problem = await admin.json("/v1/sessions/unknown");
  assert.ok(ANSWERS.Problem.safeParse(problem.body).success);
  const document = await admin.json("/openapi.json");
  assert.equal(document.body.openapi, "3.1.0");
});

Deno.test("whatever an operation answers, its status and media type stand in the document", async () => {
  const document = openApiDocument("1.2.3") as unknown as {
    paths: Record<
      string,
      Record<string, { responses: Record<string, { content?: Record<string, unknown> }> }>
    >;
  };
  const away = () => Promise.reject(new StoreUnavailableError("it is away"));
  const states: Record<string, Awaited<ReturnType<typeof adminHarness>>> = {
    good: await adminHarness(),
    "not ready": await adminHarness({
      parts: { ready: () => Promise.resolve({ ready: false, why: "draining" }) },
    }),
    "store away": await adminHarness({
      parts: {
        sessions: {
          read: away,
          list: away,
          groupOfProvider: away,
          providersByGroup: away,
        },
        revocations: away,
      },
    }),
    "token wanted": await adminHarness({ tokens: "a".repeat(40) }),
  };
  for (const [state, admin] of Object.entries(states)) {
    const sid = admin.sessions[0]?.sid ?? "";
    for (const operation of OPERATIONS) {
      const path = operation.path.replace(":sid", sid).replace(":subject", "ada");
      const headers: Record<string, string>[] = [{}, { "sec-fetch-site": "cross-site" }, {
        host: "rebound.example",
      }];
      for (const each of headers) {
        const response = await admin.ask(path, {
          method: operation.method.toUpperCase(),
          headers: each,
          ...(operation.method === "post" ? { json: {} } : {}),
        });
        await response.body?.cancel();
        const about = `${state}: ${operation.method} ${path} ${JSON.stringify(each)}`;
        const { responses } =
          document.paths[operation.path.replace(/:(\w+)/g, "{$1}")]?.[operation.method] ??
            assert.fail(about);
        const described = responses[response.status] ?? responses["default"] ?? assert.fail(about);
        const type = response.headers.get("content-type")?.split(";")[0];
        assert.deepEqual(
          type === undefined ? [] : [type],
          Object.keys(described.content ?? {}),
          `${about}: ${response.status}`,
        );
        // What only some operations can have is told of by number.
        if (![200, 202, 204, 500].includes(response.status) && state !== "store away") {
          assert.ok(responses[response.status], `${about}: ${response.status}`);
        }
      }
    }
  }
});

Deno.test("every reference in the document leads somewhere", () => {
  const document = openApiDocument("1.2.3");
  const text = JSON.stringify(document);
  for (const [, name] of text.matchAll(/#\/components\/schemas\/(\w+)/g)) {
    assert.ok((name ?? "") in ANSWERS, name as AnswerName);
  }
  const ids = [...text.matchAll(/"operationId":"(\w+)"/g)].map(([, id]) => id);
  assert.equal(new Set(ids).size, OPERATIONS.length);
});
