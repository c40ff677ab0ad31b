import assert from "node:assert/strict";
import { findOpenings } from "../../src/policy/openings.ts";
import type { OpeningShape } from "../../src/policy/openings.ts";

const strip = (stripPrefix: string, addPrefix?: string) => ({
  rewrite: { stripPrefix, ...(addPrefix === undefined ? {} : { addPrefix }) },
});
const open = (path: string, more: Partial<OpeningShape> = {}): OpeningShape => ({
  path,
  upstream: "app",
  open: true,
  ...more,
});
const guarded = (path: string, more: Partial<OpeningShape> = {}) =>
  open(path, { open: false, ...more });

const found = (...routes: OpeningShape[]) =>
  findOpenings(routes).map(({ index, guard, path, reaches }) =>
    `${index} past ${guard}: ${path} to ${reaches}`
  );

Deno.test("an open route that strips its prefix opens what others guard", () => {
  assert.deepEqual(found(open("/public/*", strip("/public")), guarded("/admin/*")), [
    "0 past 1: /public/admin/x to /admin/x",
  ]);
  assert.deepEqual(found(open("/public/*", strip("/public")), guarded("/*")), [
    "0 past 1: /public/x to /x",
  ]);
  assert.deepEqual(
    found(open("/a/*", strip("/a", "/v2")), guarded("/v2/users/:id"), guarded("/v1/*")),
    ["0 past 1: /a/users/x to /v2/users/x"],
  );
  assert.deepEqual(
    found(open("/a/*", strip("/a")), guarded("/b/*", strip("/b", "/inner")), guarded("/c/*")),
    ["0 past 1: /a/inner/x to /inner/x", "0 past 2: /a/c/x to /c/x"],
  );
});

Deno.test("where the guard comes first, or the upstream is another, nothing is opened", () => {
  assert.deepEqual(
    found(
      guarded("/app/admin/*", strip("/app")),
      open("/app/*", strip("/app")),
    ),
    [],
  );
  assert.deepEqual(
    found(open("/public/*", { ...strip("/public"), upstream: "files" }), guarded("/*")),
    [],
  );
  assert.deepEqual(
    found(open("/static/*", { rewrite: { addPrefix: "/files" } }), guarded("/admin/*")),
    [],
  );
  assert.deepEqual(found(open("/public/*"), guarded("/*")), []);
  assert.deepEqual(
    found(
      open("/public/*", { ...strip("/public"), methods: ["GET"] }),
      guarded("/x", { methods: ["POST"] }),
    ),
    [],
  );
});
