import fc from "fast-check";
import assert from "node:assert/strict";
import { readRequestLine } from "../../src/policy/request_line.ts";
import { compileRoutes, type RoutePattern } from "../../src/policy/routes.ts";

function table(...lines: (Partial<RoutePattern<string>> & { readonly path: string })[]) {
  const routes = compileRoutes(
    lines.map((line): RoutePattern<string> => ({
      policyKey: line.path,
      value: line.path,
      ...line,
    })),
  );
  return (path: string, method = "GET", host = "h"): string => {
    const line = readRequestLine({
      method,
      url: `http://${host}${path}`,
      hostHeader: host,
      scheme: "http",
    });
    if ("problem" in line) return "refused";
    const found = routes.match(line);
    return found.kind === "matched" ? found.value : found.kind;
  };
}

Deno.test("a path that another reading would give to a stricter route is refused", () => {
  const match = table(
    { path: "/auth/*", policyKey: "own" },
    { path: "/public/*", policyKey: "open" },
    { path: "/admin/*", policyKey: "admin" },
    { path: "/*", policyKey: "open" },
  );
  assert.equal(match("/admin/x"), "/admin/*");
  assert.equal(match("/admin/X.json"), "/admin/*");
  assert.equal(match("/Public/x"), "/*", "both readings are open");
  for (
    const path of [
      "/Admin/x",
      "/ADMIN",
      "/admin;x/y",
      "/admin%3Bx/y",
      "/admin%253Bx/y",
      "/;x/admin/y",
      "//admin/x",
      "/admin./x",
      "/admin%20/x",
      "/%20admin/x",
      "/admin%2520/x",
      "/admin%C2%A0/x",
      "/admin%E3%80%80/x",
      "/admin%E2%80%8B/x",
      "/adm%E2%80%8Bin/x",
      "/%2561dmin/x",
      "/%252561dmin/x",
      "/%25u0061dmin/x",
      "/%EF%BD%81dmin/x",
      "/adm%C4%B1n/x",
      "/%C3%A1dmin/x",
      "/a%CC%81dmin/x",
      "/admin.json",
      "/admin.tar.gz",
      "/admin%2Ejson",
      "/admin%3Fx",
      "/admin%23x",
      "/admin%253Fx",
      "/x%2F..%2Fadmin",
      "/admin%2Fx",
      "/%C2%A5admin/x",
      "/%E2%88%95admin/x",
      "/Admin%20;x./y.json",
      // `new URL(request.url, base)` takes the first of these for a host.
      "//x/admin/y",
      "///x/admin/y",
      "//x:80/Admin/y",
      "/admin::$DATA",
      "/admin:$I30:$INDEX_ALLOCATION/x",
      "/admin%3A%3A%24DATA",
      // Our own paths reached upstreams like this.
      "/auth%3Bx/login",
      "/%2561uth/login",
      "/AUTH/login",
      "/auth.json",
      "//auth/login",
    ]
  ) {
    assert.ok(["ambiguous", "refused"].includes(match(path)), `${path}: ${match(path)}`);
  }
});

Deno.test("patterns and requests are read alike, escaped or not", () => {
  for (const pattern of ["/@ops/*", "/%40ops/*", "/%40Ops/*"]) {
    const match = table({ path: pattern }, { path: "/*" });
    const written = pattern.replace("%40", "@").replace("/*", "");
    assert.equal(match(`${written}/x`), pattern);
    assert.equal(match(`${written.replace("@", "%40")}/x`), pattern);
  }
  const purge = table({ path: "/v1/users:purge", methods: ["POST"] }, { path: "/*" });
  assert.equal(purge("/v1/users%3Apurge", "POST"), "/v1/users:purge");
  const slug = table({ path: "/[slug]/*" }, { path: "/caf\u00e9/*" }, { path: "/*" });
  assert.equal(slug("/%5Bslug%5D/x"), "/[slug]/*");
  assert.equal(slug("/[slug]/x"), "/[slug]/*");
  assert.equal(slug("/caf%C3%A9/x"), "/caf\u00e9/*");
  assert.equal(slug("/cafe/x"), "ambiguous", "a collation may call it the same");
});

Deno.test("a pattern that only a loose backend tells from the path counts too", () => {
  const match = table({ path: "/Admin/*" }, { path: "/exact/" }, { path: "/*" });
  assert.equal(match("/Admin/x"), "/Admin/*");
  assert.equal(match("/admin/x"), "ambiguous");
  assert.equal(match("/exact/"), "/exact/");
  assert.equal(match("/exact"), "ambiguous");
  assert.equal(match("/other"), "/*");
});

Deno.test("a route for a path with its suffix is meant for it", () => {
  const match = table(
    { path: "/report.pdf" },
    { path: "/report.xml" },
    { path: "/report" },
    { path: "/app.js" },
    { path: "/app/*" },
    { path: "/*" },
  );
  assert.equal(match("/report.pdf"), "/report.pdf");
  assert.equal(match("/report.xml"), "/report.xml");
  assert.equal(match("/app.js"), "/app.js");
  assert.equal(match("/app.css"), "ambiguous");
  assert.equal(match("/site.css"), "/*");
});

Deno.test("a file beside an open folder keeps the rules of its own route", () => {
  const match = table(
    { path: "/docs/*", opens: "app", reaches: "app" },
    { path: "/other/*", opens: "other", reaches: "other" },
    { path: "/admin/*", reaches: "app" },
    { path: "/*", reaches: "app" },
  );
  assert.equal(match("/docs.css"), "/*");
  assert.equal(match("/other.css"), "ambiguous", "another backend's");
  assert.equal(match("/admin.css"), "ambiguous");
  assert.equal(match("/Docs/x"), "ambiguous", "the very folder, to a backend that ignores case");
});

Deno.test("an encoded slash passes only where a route keeps it, and never changes the route", () => {
  const match = table(
    { path: "/projects/*", encodedSlash: "keep" },
    { path: "/admin/*" },
    { path: "/*", encodedSlash: "keep" },
    { path: "/never", encodedSlash: "keep" },
  );
  assert.equal(match("/projects/group%2Fproject"), "/projects/*");
  assert.equal(match("/projects/group%2fproject/a"), "/projects/*");
  assert.equal(match("/projects/a%2F..%2Fb"), "refused");
  assert.equal(match("/admin%2Fx"), "ambiguous");
  assert.equal(match("/projects%2Fx"), "ambiguous");
  assert.equal(match("/@scope%2Fname"), "/*");
  assert.equal(table({ path: "/*" })("/a%2Fb"), "ambiguous");
  assert.equal(table({ path: "/*" })("/a%252Fb"), "ambiguous");
});

Deno.test("a decision is the same for every way of writing a path", () => {
  const match = table(
    { path: "/admin/*", policyKey: "admin" },
    { path: "/v1/users:purge", policyKey: "admin" },
    { path: "/files/:id/raw", policyKey: "files" },
    { path: "/*", policyKey: "rest" },
  );
  const targets = ["/admin/x", "/v1/users:purge", "/files/7/raw", "/admin"];
  const encode = (character: string, depth: number) => {
    let text = `%${character.charCodeAt(0).toString(16)}`;
    for (; depth > 0; depth--) text = text.replace("%", "%25");
    return text;
  };
  fc.assert(
    fc.property(
      fc.constantFrom(...targets),
      fc.array(fc.tuple(fc.nat(30), fc.nat(4)), { maxLength: 6 }),
      fc.constantFrom("", "", ";x", ".", "%20", ".json", "/"),
      (target, edits, tail) => {
        const characters = [...target];
        for (const [at, how] of edits) {
          const character = characters[at] ?? "";
          if (character.length !== 1 || character === "/") continue;
          characters[at] = how === 4 ? character.toUpperCase() : encode(character, how);
        }
        const decided = match(characters.join("") + tail);
        assert.ok(
          ["ambiguous", "refused", match(target)].includes(decided),
          `${characters.join("")}${tail}: ${decided}`,
        );
      },
    ),
    { numRuns: 20_000, seed: 4 },
  );
});
