/**
 * A path is read once, as the strictest backend and the laxest would read it:
 * no spelling of a protected path goes by another route's rule, and what
 * browsers send as it is passes.
 */
import assert from "node:assert/strict";
import { onEachRuntime } from "../../support/stand.ts";
import { servletPath } from "../../support/path_parameters.ts";

const percent = (char: string) =>
  Array.from(
    new TextEncoder().encode(char),
    (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
  ).join("");

const ROUTES = [
  { path: "/public/*", upstream: "app", auth: "none" },
  ...["/@ops/*", "/admin/*", "/v1/users:purge", "/a!b/*", "/a$b/*", "/a&b/*", "/a'b/*", "/a(b)/*"]
    .concat(["/a+b/*", "/a,b/*", "/a=b/*", "/a~b/*", "/caf%C3%A9/*", "/Case/*"])
    .map((path) => ({ path, upstream: "app", require: { scope: ["admin"] } })),
  { path: "/exact/", upstream: "app", require: { scope: ["read"] } },
  { path: "/keep/*", upstream: "app", encodedSlash: "keep" },
  { path: "/*", upstream: "app" },
];
/** Without what today's schema may not know. */
const PLAIN_ROUTES = ROUTES.filter((route) => !("encodedSlash" in route));

onEachRuntime("spellings of a path", { routes: PLAIN_ROUTES }, async (stand, step) => {
  const bob = await stand.signIn("bob");
  const ada = await stand.signIn("ada");
  const status = async (target: string, who = bob) =>
    (await stand.get(target, [who.bearer])).status;

  /** Bob may not: neither by the plain spelling nor by any other. */
  async function guarded(spellings: readonly string[]): Promise<void> {
    const through: string[] = [];
    for (const target of spellings) {
      stand.upstream.forget();
      const seen = await status(target);
      if (![400, 403, 404].includes(seen) || stand.upstream.seen.length > 0) {
        through.push(`${escape(target)} ${seen} → ${stand.upstream.seen[0]?.target}`);
      }
    }
    assert.deepEqual(through, []);
  }

  await step("every reserved character is read alike, encoded or not", async () => {
    const paths = ["/@ops/x", "/v1/users:purge", "/a!b/x", "/a$b/x", "/a&b/x", "/a'b/x", "/a(b)/x"]
      .concat(["/a+b/x", "/a,b/x", "/a=b/x", "/a~b/x"]);
    for (const path of paths) assert.equal(await status(path), 403, path);
    await guarded(paths.flatMap((path) => {
      const char = /[^/a-z0-9]/.exec(path)?.[0] ?? "";
      const code = percent(char);
      return [path.replace(char, code), path.replace(char, code.toLowerCase())];
    }));
    await guarded(["/a%28b)/x", "/a(b%29/x", "/a%28b%29/x"]);
  });

  await step("who may, may by every spelling that passes, and the upstream gets one", async () => {
    for (
      const [target, canonical] of [
        ["/%40ops/x", "/@ops/x"],
        ["/v1/users%3Apurge", "/v1/users:purge"],
        ["/a%21b/%78", "/a!b/x"],
        ["/%61dmin/x", "/admin/x"],
        ["/caf%c3%a9/x", "/caf%C3%A9/x"],
      ] as const
    ) {
      stand.upstream.forget();
      const answer = await stand.get(target, [ada.bearer]);
      assert.equal(answer.status, 200, `${target}: ${answer.text}`);
      assert.equal(stand.upstream.last().target, canonical, target);
    }
  });

  await step("encoded letters, double encoding and dots do not hide a path", () =>
    guarded([
      ...["/%61dmin/x", "/adm%69n/x", "/ADMIN/x", "/Admin/x", "/%41dmin/x", "//admin/x"],
      ...["/%2561dmin/x", "/%252561dmin/x", "/%25%36%31dmin/x", "/adm%2569n/x"],
      ...["/./admin/x", "/%2e/admin/x", "/x/../admin/x", "/x/%2e%2e/admin/x", "/x/%2E./admin/x"],
      ...[
        "/x/.%252e/admin/x",
        "/x/%252e%252e/admin/x",
        "/public/../admin/x",
        "/public/..;/admin/x",
      ],
      ...["/admin./x", "/admin%20/x", "/admin%09/x", "/admin%00/x", "/admin%0a/x", "/admin%0d/x"],
      ...["/%20admin/x", "/admin%2e/x", "/admin%252e/x"],
    ]));

  await step("path parameters do not hide a path, however the semicolon is written", () =>
    guarded([
      ...["/admin;x/y", "/admin;/y", "/admin;a=b;c/y", "/;x/admin/y", "/;/admin/y"],
      ...["/admin%3Bx/y", "/admin%3bx/y", "/admin%253Bx/y", "/admin%3B%3B/y", "/%3Bx/admin/y"],
      ...["/public/x/..;a/..;b/admin/y", "/public/x/..%3Ba/..%3Bb/admin/y"],
    ]));

  await step("overlong and broken UTF-8 is refused", () =>
    guarded([
      ...["/public/%C0%AE%C0%AE/admin/x", "/public/%C0%AE./admin/x", "/%C1%A1dmin/x"],
      ...["/public/%E0%80%AE%E0%80%AE/admin/x", "/public/%F0%80%80%AE/x", "/public/%C0%AFadmin"],
      ...["/public/%FF", "/public/%80", "/public/%C3", "/public/%ED%A0%80", "/public/%F4%90%80%80"],
      ...["/public/%F5%80%80%80", "/public/%E0%9F%BF", "/%u0061dmin/x", "/public/%", "/public/%zz"],
      ...["/public/%2", "/%C0%AFadmin/x"],
    ]));

  await step("what folds to a slash, a dot, a backslash or a semicolon is refused", () =>
    guarded(
      ["\uFF0F", "\uFF0E", "\uFF3C", "\uFF1B", "\u2024", "\u2025", "\uFE52", "\uFE68", "\u037E"]
        .concat(["\uFE54", "\u2100", "\u2105"])
        .flatMap((char) => [`/${percent(char)}admin/x`, `/public/a${percent(char)}b`]),
    ));

  await step("folded letters and invisible characters do not hide a path", () =>
    guarded(
      [
        ...[
          "/\uFF41dmin/x",
          "/admin\u00A0/x",
          "/\u00A0admin/x",
          "/ad\u00ADmin/x",
          "/admin\u200B/x",
        ],
        ...["/admin\u3000/x", "/admi\u006E\uFE0F/x", "/adm\u0131n/x", "/ADM\u0130N/x"],
        ...["/\u24D0dmin/x", "/admin\uFEFF/x", "/\u1D43dmin/x"],
      ].map((path) => path.replace(/[^\x20-\x7E]/g, percent)),
    ));

  await step(
    "a suffix that a framework cuts off does not hide a path",
    () =>
      guarded([
        "/v1/users:purge.json",
        "/v1/users:purge.",
        "/v1/users:purge/",
        "/v1/users%3Apurge.xml",
      ]),
  );

  await step("backslashes and encoded slashes are refused", () =>
    guarded([
      ...["/public\\..\\admin\\x", "/public%5C..%5Cadmin%5Cx", "/public/%2e%2e%5cadmin/x"],
      ...["/admin%2Fx", "/admin%2fx", "/public%2F..%2Fadmin%2Fx", "/admin%252Fx", "/%2Fadmin/x"],
    ]));

  await step(
    "no open path leads a container that cuts parameters into a protected one",
    async () => {
      const through: string[] = [];
      const parts = ["", ".", "..", ";", "..;", ".;", ";x", "%3B", "..%3B", "%2e%2e", "%2e%2e;x=1"]
        .concat(["%252e%252e", "..%00", "%2E;", "..%20", "a", "admin", "%61dmin", "admin;x"]);
      for (const first of parts) {
        for (const second of parts) {
          for (const target of [`/public/${first}/${second}/x`, `/public/${first}/${second}`]) {
            stand.upstream.forget();
            await stand.get(target);
            for (const { target: got } of stand.upstream.seen) {
              if (!/^\/public(\/|$)/.test(servletPath(got))) through.push(`${target} → ${got}`);
            }
          }
        }
      }
      assert.deepEqual(through, []);
    },
  );

  await step("what browsers and build tools send as it is passes as it is", async () => {
    const refused: string[] = [];
    for (
      const target of [
        ...[
          "/src/routes/[slug]/+page.svelte",
          "/files/report[1].pdf",
          "/a|b",
          "/a^b",
          "/{id}",
        ],
        ...[
          "/a%20b",
          "/~ada/",
          "/@scope/pkg@1.2.3/index.js",
          "/a,b;v=1",
          "/x'y",
          "/(group)/x",
          "/a*b",
        ],
        ...[
          "/caf%C3%A9s",
          "/%E4%BD%A0%E5%A5%BD",
          "/%F0%9F%8D%B0",
          "/a..b",
          "/..a",
          "/.well-known/x",
        ],
        ...["/a=b&c", "/$metadata", "/a!", "/a:b", "/x.tar.gz", "/a-b_c.d~e"],
      ]
    ) {
      stand.upstream.forget();
      const answer = await stand.get(`/public${target}`);
      if (answer.status !== 200) refused.push(`${target} ${answer.status} ${answer.text}`);
      else if (/%|[[\]]/.test(target)) {
        // One reading: raw brackets and their escapes reach the upstream in one form.
        const got = stand.upstream.last().target;
        assert.equal(decodeURIComponent(got), decodeURIComponent(`/public${target}`), target);
      }
    }
    assert.deepEqual(refused, []);
  });

  await step("a bracket is one character, encoded or not", async () => {
    const got: string[] = [];
    for (const target of ["/public/r[1].pdf", "/public/r%5B1%5D.pdf", "/public/r%5b1%5d.pdf"]) {
      stand.upstream.forget();
      assert.equal((await stand.get(target)).status, 200, target);
      got.push(stand.upstream.last().target);
    }
    assert.equal(new Set(got).size, 1, got.join(" "));
  });

  await step("a pattern that ends in a slash can be reached", async () => {
    assert.equal(await status("/exact/"), 200);
  });

  await step("an encoded slash is refused unless the route keeps it", async () => {
    for (
      const target of ["/group%2Fproject", "/public/a%2Fb", "/public/a%2fb", "/public/a%252Fb"]
    ) {
      assert.equal(await status(target), 400, target);
    }
  });
});

onEachRuntime("a route that keeps encoded slashes", { routes: ROUTES }, async (stand, step) => {
  const bob = await stand.signIn("bob");

  await step("passes them as they are", async () => {
    for (const target of ["/keep/group%2Fproject", "/keep/@scope%2Fpkg", "/keep/a%2Fb%2Fc/d"]) {
      stand.upstream.forget();
      const answer = await stand.get(target, [bob.bearer]);
      assert.equal(answer.status, 200, `${target}: ${answer.text}`);
      assert.equal(stand.upstream.last().target, target);
    }
  });

  await step("does not lend them to other routes, nor a way into them", async () => {
    const through: string[] = [];
    for (
      const target of [
        ...["/group%2Fproject", "/admin%2Fx", "/keep%2F..%2Fadmin%2Fx", "/keep/..%2Fadmin/x"],
        ...["/keep/..%2F..%2Fadmin%2Fx", "/keep/%2e%2e%2Fadmin/x", "/keep/a%2F..%2F..%2Fadmin"],
        ...[
          "/keep/%2F..%2f../admin/x",
          "/keep/a%252F..%252F..%252Fadmin",
          "/keep/a%5C..%5C..%5Cadmin",
        ],
        ...["/keep/..;%2Fadmin/x", "/keep/.%2F..%2Fadmin"],
      ]
    ) {
      stand.upstream.forget();
      const answer = await stand.get(target, [bob.bearer]);
      if (![400, 403, 404].includes(answer.status)) through.push(`${target} ${answer.status}`);
    }
    assert.deepEqual(through, []);
  });
});
