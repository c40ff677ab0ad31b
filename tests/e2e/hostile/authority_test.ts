/**
 * The authority of a request is read once: valid, known, lower-case; it never
 * becomes part of the path, and no spelling of it changes the route.
 */
import assert from "node:assert/strict";
import { HOST, onEachRuntime, ORIGIN, RUNTIMES, startStand } from "../../support/stand.ts";

const ROUTES = [
  { path: "/public/*", upstream: "app", auth: "none" },
  { path: "/*", host: "admin.example.com", upstream: "app", require: { scope: ["admin"] } },
  { path: "/vh/*", upstream: "app" },
  { path: "/*", upstream: "app" },
];

const STRANGE = [
  ...["evil.example", "app.example.com.evil.example", "xapp.example.com", "example.com"],
  // (This machine may ask by a loopback name: it is told the origin's own.)
  ...[
    "127.0.0.2.nip.example",
    "[::2]",
    "localhost.evil.example",
    "app.example.com@evil.example",
    "u@app.example.com",
  ],
  ...["u:p@app.example.com", "app.example.com/path", "app.example.com/auth/metrics?"],
  ...["app.example.com?x", "app.example.com#x", "app.example.com\\x", "app.example.com:0x50"],
  ...["app.example.com:x", "app.example.com:99999", "app.example.com:80:80", "app.example.com:-1"],
  ...["app%2eexample.com", "app.example.com%00", "app.example.com..", ".app.example.com"],
  ...[
    "app..example.com",
    "app.example.com,evil.example",
    "app.example.com evil",
    "\xE0pp.example.com",
  ],
  ...["app.example.com;x", "*.example.com", "app_example.com", "", " ", "app.example.com\t.evil"],
];

onEachRuntime(
  "spellings of a host",
  (harness) => ({
    routes: ROUTES,
    ...(harness.name === "Deno" ? { app: { host: "incoming" } } : {}),
  }),
  async (stand, step) => {
    const bob = await stand.signIn("bob");
    const ask = (host: string | null, target = "/vh/x", more: string[] = []) =>
      stand.send({ host, target, headers: [bob.bearer, ...more] });

    await step("bob may not by the host that is guarded", async () => {
      assert.equal((await ask("admin.example.com")).status, 403);
    });

    await step("nor by any spelling of it", async () => {
      const through: string[] = [];
      for (
        const host of [
          ...[
            "admin.example.com.",
            "ADMIN.example.com",
            "Admin.Example.Com.",
            "admin.example.com:",
          ],
          ...[
            "admin.example.com:80",
            "admin.example.com:443",
            "admin.example.com.:80",
            "admin.example.com:0x50",
          ],
          ...[
            "u@admin.example.com",
            "admin%2eexample.com",
            "admin.example.com:8080",
            "%61dmin.example.com",
          ],
          ...["admin.example.com..", "admin\u3002example.com".replace("\u3002", "\xE3\x80\x82")],
          ...[
            "\xEF\xBD\x81dmin.example.com",
            "admin.example.com/",
            "admin.example.com,app.example.com",
          ],
        ]
      ) {
        stand.upstream.forget();
        const { status } = await ask(host);
        if (![400, 403, 421].includes(status) || stand.upstream.seen.length > 0) {
          through.push(`${escape(host)} ${status} → ${stand.upstream.seen[0]?.get("host")}`);
        }
      }
      assert.deepEqual(through, []);
    });

    await step("our own host is known by its harmless spellings, and sent on as one", async () => {
      for (const host of [HOST, "APP.example.com", "App.Example.Com", `${HOST}:443`]) {
        stand.upstream.forget();
        const answer = await ask(host);
        assert.equal(answer.status, 200, `${host}: ${answer.text}`);
        assert.match(
          stand.upstream.last().get("x-forwarded-host") ?? "",
          /^app\.example\.com(:443)?$/,
        );
        if (stand.name === "Deno") {
          assert.match(stand.upstream.last().get("host") ?? "", /^app\.example\.com(:443)?$/);
        }
      }
    });

    await step(
      "a host that is neither ours nor a route's is 421, or 400 if it is none",
      async () => {
        const through: string[] = [];
        for (const host of STRANGE) {
          for (const target of ["/public/x", "/vh/x", "/auth/session", "/auth/login"]) {
            stand.upstream.forget();
            const answer = await ask(host, target);
            // An empty answer: the runtime's own parser has hung up.
            if (![0, 400, 421].includes(answer.status) || stand.upstream.seen.length > 0) {
              through.push(
                `${escape(host)} ${target} ${answer.status} → ${stand.upstream.seen[0]?.target}`,
              );
            }
          }
        }
        assert.deepEqual(through, []);
      },
    );

    await step("no Host at all, or two of them, is refused", async () => {
      for (
        const headers of [[], [`Host: ${HOST}`, `Host: ${HOST}`], [`Host: ${HOST}`, "Host: evil"]]
      ) {
        stand.upstream.forget();
        const answer = await stand.send({ host: null, target: "/public/x", headers });
        assert.ok([0, 400, 421].includes(answer.status), `${headers}: ${answer.status}`);
        assert.equal(stand.upstream.seen.length, 0);
      }
      const old = await stand.send({ host: null, target: "/public/x", version: "HTTP/1.0" });
      assert.ok([0, 400, 421].includes(old.status), `HTTP/1.0: ${old.status}`);
      assert.equal(stand.upstream.seen.length, 0);
    });

    await step("an absolute form has one authority, and it is checked too", async () => {
      const through: string[] = [];
      for (
        const [target, host] of [
          ["http://evil.example/vh/x", HOST],
          ["http://admin.example.com/vh/x", HOST],
          [`http://${HOST}/vh/x`, "admin.example.com"],
          [`http://${HOST}@admin.example.com/vh/x`, HOST],
          ["http://admin.example.com./vh/x", HOST],
          ["//admin.example.com/vh/x", HOST],
          ["http:admin.example.com/vh/x", HOST],
          ["http:///admin.example.com/vh/x", HOST],
          [`ftp://${HOST}/vh/x`, HOST],
          ["*", HOST],
          ["admin.example.com:443", HOST],
        ] as const
      ) {
        stand.upstream.forget();
        const answer = await ask(host, target);
        const forwarded = stand.upstream.seen.map((seen) =>
          `${seen.get("x-forwarded-host")}${seen.target}`
        );
        // A runtime may hide the authority of an absolute form: then Host is the only one.
        if (forwarded.some((got) => !got.startsWith("app.example.com/"))) {
          through.push(`${target} (${host}) ${answer.status} → ${forwarded}`);
        }
      }
      assert.deepEqual(through, []);
      const own = await ask(HOST, `http://${HOST}/vh/x?a=1`);
      assert.equal(own.status, 200, own.text);
      assert.equal(stand.upstream.last().target, "/vh/x?a=1");
    });

    await step("what a client says in X-Forwarded-Host or Forwarded is no authority", async () => {
      for (const header of ["X-Forwarded-Host: evil.example", "Forwarded: host=evil.example"]) {
        stand.upstream.forget();
        const answer = await ask(HOST, "/vh/x", [header]);
        assert.equal(answer.status, 200);
        assert.ok(!stand.upstream.everything().includes("evil.example"), header);
      }
    });
  },
);

for (const harness of RUNTIMES) {
  Deno.test({
    name: `${harness.name}: a trusted proxy's X-Forwarded-Host has to be a known host`,
    sanitizeResources: false,
    sanitizeOps: false,
    async fn() {
      const stand = await startStand(harness, {
        routes: ROUTES,
        config: { trustedProxies: ["127.0.0.1", "0.0.0.0/32"] },
      });
      try {
        const bob = await stand.signIn("bob", ["X-Forwarded-For: 203.0.113.9"]);
        const through: string[] = [];
        for (
          const host of [
            "evil.example",
            "app.example.com.evil.example",
            "x/y",
            "admin.example.com.",
          ]
            .concat([
              "evil.example, app.example.com",
              "app.example.com, evil.example",
              "u@evil.example",
            ])
        ) {
          for (
            const header of [`X-Forwarded-Host: ${host}`, `Forwarded: for=1.2.3.4;host="${host}"`]
          ) {
            stand.upstream.forget();
            const answer = await stand.send({
              target: "/vh/x",
              headers: [bob.bearer, "X-Forwarded-For: 203.0.113.9", header],
            });
            if (/evil/.test(stand.upstream.everything())) {
              through.push(`${header} ${answer.status}`);
            }
            const page = await stand.send({
              target: "/vh/x",
              headers: ["Accept: text/html", header],
            });
            if (/evil/.test(page.raw)) through.push(`${header} in ${page.raw}`);
          }
        }
        assert.deepEqual(through, []);
      } finally {
        await stand.stop();
      }
    },
  });
}

Deno.test({
  name: "Deno: over HTTP/2 without TLS the authority counts as over HTTP/1.1",
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const [deno] = RUNTIMES;
    assert.ok(deno !== undefined);
    const stand = await startStand(deno, { routes: ROUTES, app: { host: "incoming" } });
    try {
      const bob = await stand.signIn("bob");
      const curl = async (host: string, target: string, ...more: string[]) => {
        const { stdout } = await new Deno.Command("curl", {
          args: [
            ...["-s", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", "--max-time", "10"],
            ...["--http2-prior-knowledge", "--connect-to", `::127.0.0.1:${stand.port}`],
            ...["-H", bob.bearer, ...more, `http://${host}${target}`],
          ],
        }).output();
        return new TextDecoder().decode(stdout);
      };
      assert.equal(await curl(HOST, "/vh/x"), "200 2");
      assert.equal(stand.upstream.last().get("x-forwarded-host"), HOST);
      stand.upstream.forget();
      assert.equal(await curl("admin.example.com", "/vh/x"), "403 2");
      assert.equal(await curl("evil.example", "/vh/x"), "421 2");
      assert.equal(await curl("evil.example", "/public/x"), "421 2");
      assert.match(await curl("admin.example.com.", "/vh/x"), /^(400|403|421) 2$/);
      assert.match(await curl(HOST, "/vh/x", "-H", "Host: admin.example.com"), /^(400|403|421) 2$/);
      assert.equal(stand.upstream.seen.length, 0);
    } finally {
      await stand.stop();
    }
  },
});

onEachRuntime("several origins", {
  config: { origins: ["https://admin.example.com"] },
  routes: [{ path: "/*", upstream: "app" }],
}, async (stand, step) => {
  await step("people sign in, and write, on each of them, with cookies of its own", async () => {
    for (const host of [HOST, "admin.example.com"]) {
      const own = `Origin: https://${host}`;
      const page = await stand.send({
        host,
        target: "/x",
        headers: ["Accept: text/html", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"],
      });
      assert.equal(page.status, 302, page.raw);
      assert.match(page.get("location") ?? "", new RegExp(`^(https://${host})?/auth/login`));
      const answer = await stand.send({
        host,
        method: "POST",
        target: "/auth/login",
        headers: ["Content-Type: application/json", own],
        body: JSON.stringify({ username: "bob", password: "battery staple" }),
      });
      assert.equal(answer.status, 200, `${host}: ${answer.text}`);
      const cookies = answer.all("set-cookie").map((line) => line.split(";")[0]).join("; ");
      const csrf = /postern-csrf=([^;]+)/.exec(cookies)?.[1] ?? "";
      for (const line of answer.all("set-cookie")) assert.doesNotMatch(line, /domain=/i);
      const write = (origin: string) =>
        stand.send({
          host,
          method: "POST",
          target: "/x",
          headers: [`Cookie: ${cookies}`, `X-CSRF-Token: ${csrf}`, `Origin: ${origin}`],
        });
      assert.equal((await write(`https://${host}`)).status, 200, host);
      const other = host === HOST ? "https://admin.example.com" : ORIGIN;
      assert.equal((await write(other)).status, 403, `from ${other} on ${host}`);
    }
  });
});
