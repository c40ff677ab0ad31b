/** A method is one upper-case token, or nothing is asked of anybody. */
import assert from "node:assert/strict";
import { onEachRuntime } from "../../support/stand.ts";

onEachRuntime("spellings of a method", {
  routes: [
    { path: "/public/*", upstream: "app", auth: "none" },
    {
      path: "/items/*",
      methods: ["DELETE", "PURGE"],
      upstream: "app",
      require: { scope: ["admin"] },
    },
    { path: "/*", upstream: "app" },
  ],
}, async (stand, step) => {
  const bob = await stand.signIn("bob");
  const ask = (method: string, target = "/items/5") =>
    stand.send({ method, target, headers: [bob.bearer] });

  await step("a method that is not upper case never reaches an upstream", async () => {
    assert.equal((await ask("DELETE")).status, 403);
    assert.equal((await ask("PURGE")).status, 403);
    const through: string[] = [];
    for (
      const method of [
        ...[
          "delete",
          "Delete",
          "dELETE",
          "DELETe",
          "purge",
          "post",
          "Put",
          "trace",
          "Trace",
          "get",
        ],
        ...[
          "connect",
          "options",
          "head",
          "D\xC8L\xC8TE",
          "DEL ETE",
          "DELETE:",
          "DELETE/",
          "1",
          "-",
        ],
      ]
    ) {
      for (const target of ["/items/5", "/public/x", "/auth/session", "/auth/logout"]) {
        stand.upstream.forget();
        const answer = await ask(method, target);
        if (![0, 400, 405, 501].includes(answer.status) || stand.upstream.seen.length > 0) {
          through.push(
            `${escape(method)} ${target} ${answer.status} → ${stand.upstream.seen[0]?.method}`,
          );
        }
      }
    }
    assert.deepEqual(through, []);
  });

  await step(
    "methods beyond the usual ones pass as they are, or are refused in words",
    async () => {
      for (const method of ["PROPFIND", "REPORT", "MKCOL", "SEARCH", "QUERY", "M-SEARCH", "LOCK"]) {
        stand.upstream.forget();
        const answer = await ask(method, "/public/dav");
        if (stand.upstream.seen.length > 0) {
          assert.equal(stand.upstream.last().method, method);
          assert.equal(answer.status, 200, method);
        } else {
          assert.ok([0, 400, 405, 501].includes(answer.status), `${method}: ${answer.status}`);
        }
      }
      for (const method of ["PROPFIND", "REPORT", "SEARCH"]) {
        assert.equal((await ask(method, "/public/dav")).status, 200, method);
      }
    },
  );

  await step("TRACE and CONNECT go nowhere", async () => {
    for (const method of ["TRACE", "CONNECT", "TRACK"]) {
      stand.upstream.forget();
      const answer = await ask(method, "/public/x");
      // workerd answers CONNECT by itself, before any Worker is asked.
      const itself = method === "CONNECT" && answer.get("x-request-id") === null;
      assert.ok(itself || [0, 400, 405, 501].includes(answer.status), answer.raw);
      assert.equal(stand.upstream.seen.length, 0);
    }
  });
});
