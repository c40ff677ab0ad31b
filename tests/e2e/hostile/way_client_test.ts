/**
 * Every answer leaves by one door: the rules of its route, the cookie guard,
 * cache safety and the tie to the session hold whatever the request asked for.
 */
import assert from "node:assert/strict";
import { plain } from "../../support/raw_upstream.ts";
import { onEachRuntime } from "../../support/stand.ts";

const UPGRADE = [
  ...["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

onEachRuntime("answers on their way out", {
  app: { timeout: "3s" },
  routes: [
    {
      path: "/rules/*",
      upstream: "app",
      auth: "none",
      responseHeaders: {
        set: { "Content-Security-Policy": "default-src 'self'" },
        remove: ["X-Internal-Debug"],
      },
    },
    { path: "/public/*", upstream: "app", auth: "none" },
    { path: "/*", upstream: "app" },
  ],
}, async (stand, step) => {
  const bob = await stand.signIn("bob");
  const answerWith = (headers: readonly string[], body = "x", status = "200 OK") =>
    stand.upstream.answer(() => plain(body, headers, status));

  await step("asking for a WebSocket is no way around a route's rules", async () => {
    answerWith(["X-Internal-Debug: db=prod-7"], "y".repeat(200_000));
    for (const more of [[], UPGRADE]) {
      const answer = await stand.get("/rules/x", more);
      assert.equal(answer.status, 200);
      assert.equal(answer.get("x-internal-debug"), null);
      assert.equal(answer.get("content-security-policy"), "default-src 'self'");
      assert.equal(answer.body.length, 200_000, "cut short");
    }
  });

  await step("what was made for somebody is private, unless the route shares it", async () => {
    for (
      const control of [
        ...["max-age=600", "must-revalidate, max-age=60", "public, max-age=600", "s-maxage=600"],
        ...["no-transform", "immutable, max-age=9", "proxy-revalidate", "MAX-AGE=5, PUBLIC", ""],
        ...["max-age=60, stale-while-revalidate=600", 'no-cache="set-cookie", max-age=60'],
        ...['private="x-a", max-age=600', "publicx, max-age=4", 'ext="private", max-age=60'],
      ]
    ) {
      for (const credential of [bob.cookie, bob.bearer]) {
        answerWith(control === "" ? [] : [`Cache-Control: ${control}`]);
        const answer = await stand.get("/x", [credential]);
        const said = answer.all("cache-control").join(", ").toLowerCase();
        const directives = said.split(",").map((directive) => directive.trim());
        const safe = directives.includes("private") || directives.includes("no-store");
        assert.ok(safe, `${control} → ${said}`);
        assert.ok(!directives.includes("public"), `${control} → ${said}`);
        assert.ok(!/s-maxage/.test(said), `${control} → ${said}`);
        assert.match(answer.all("vary").join(", "), /cookie/i);
        assert.match(answer.all("vary").join(", "), /authorization/i);
      }
    }
  });

  await step("words to a CDN stay behind, and Expires alone shares nothing", async () => {
    answerWith([
      ...["CDN-Cache-Control: max-age=600", "Surrogate-Control: max-age=600"],
      ...["Cloudflare-CDN-Cache-Control: max-age=600", "Vercel-CDN-Cache-Control: max-age=6"],
      ...["Netlify-CDN-Cache-Control: public", "X-Accel-Expires: 600", "Edge-Control: max-age=9"],
      "Expires: Thu, 01 Jan 2099 00:00:00 GMT",
    ]);
    const answer = await stand.get("/x", [bob.cookie]);
    assert.match(answer.get("cache-control") ?? "", /private|no-store/);
    const words = ["cdn-cache-control", "surrogate-control", "cloudflare-cdn-cache-control"]
      .concat(["vercel-cdn-cache-control", "netlify-cdn-cache-control", "x-accel-expires"]);
    for (const name of words) assert.equal(answer.get(name), null, name);
  });

  await step("answers of open routes are cached as their backend says", async () => {
    answerWith(["Cache-Control: public, max-age=600", 'ETag: "v1"']);
    const answer = await stand.get("/public/x");
    assert.equal(answer.get("cache-control"), "public, max-age=600");
    assert.equal(answer.get("etag"), '"v1"');
  });

  await step("a 304 and a HEAD are as safe as a GET", async () => {
    stand.upstream.answer(() => "HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=600\r\n\r\n");
    const answer = await stand.get("/x", [bob.cookie, 'If-None-Match: "v1"']);
    assert.equal(answer.status, 304);
    assert.match(answer.get("cache-control") ?? "", /private|no-store/);
  });

  await step("challenges, cookies and links stay apart, line by line", async () => {
    const lines = ['WWW-Authenticate: Basic realm="up"', "WWW-Authenticate: Negotiate"];
    answerWith([...lines, "Set-Cookie: a=1", "Set-Cookie: b=2"], "no", "401 Unauthorized");
    const answer = await stand.get("/public/x");
    assert.equal(answer.status, 401);
    assert.deepEqual(answer.all("set-cookie"), ["a=1", "b=2"]);
    if (stand.name === "Deno") {
      assert.deepEqual(answer.all("www-authenticate"), ['Basic realm="up"', "Negotiate"]);
    }
  });

  await step("an answer with very many or very long header lines crosses", async () => {
    const many = Array.from({ length: 300 }, (_, index) => `X-Line-${index}: ${index}`);
    for (const lines of [many, [`X-Long: ${"l".repeat(50_000)}`]]) {
      answerWith(lines);
      const answer = await stand.get("/public/x");
      if (stand.name === "Deno" || lines.length === 1) {
        assert.equal(answer.status, 200, answer.text);
        assert.equal(
          answer.headers.filter(([name]) => name.startsWith("x-l")).length,
          lines.length,
        );
      }
    }
  });

  await step("a status that does not exist is 502 and costs no place", async () => {
    for (const status of ["999 Denied", "600 Six", "000 Nil", "99 Low", "1000 High", "abc"]) {
      for (
        const rest of [
          "Content-Length: 2\r\n\r\nok",
          "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ]
      ) {
        stand.upstream.answer(() => `HTTP/1.1 ${status}\r\n${rest}`);
        const answer = await stand.get("/public/x");
        assert.equal(answer.status, 502, `${status}: ${answer.status} ${answer.text}`);
        assert.match(answer.text, /"code":"[a-z_]+"/);
      }
    }
    for (const status of ["299 Odd", "499 Closed", "520 Strange", "599 Last"]) {
      answerWith([], "x", status);
      assert.equal((await stand.get("/public/x")).status, Number(status.slice(0, 3)));
    }
  });

  await step("a 101 that nobody asked for is no answer", async () => {
    stand.upstream.answer((_request, socket) => {
      socket.end("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n");
      return null;
    });
    const answer = await stand.get("/public/x");
    assert.equal(answer.status, 502, answer.raw);
  });
  stand.upstream.answer(() => {});
});

onEachRuntime("a route that shares its answers", {
  routes: [{ path: "/*", upstream: "app", cache: "shared" }],
}, async (stand, step) => {
  await step("leaves their caching to the backend", async () => {
    const bob = await stand.signIn("bob");
    stand.upstream.answer(() => plain("x", ["Cache-Control: public, max-age=600"]));
    const answer = await stand.get("/x", [bob.cookie]);
    assert.equal(answer.get("cache-control"), "public, max-age=600");
  });
});

onEachRuntime("a route that shares its answers and renews sessions in passing", {
  config: { tokens: { accessTtl: "1s", clockTolerance: "0s" } },
  routes: [{ path: "/*", upstream: "app", cache: "shared", refresh: "transparent" }],
}, async (stand, step) => {
  await step("shares no answer that brings somebody's new cookies", async () => {
    const bob = await stand.signIn("bob");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    stand.upstream.answer(() =>
      plain("x", ["Cache-Control: public, max-age=600", "CDN-Cache-Control: max-age=600"])
    );
    const answer = await stand.get("/x", [bob.cookies]);
    assert.equal(answer.status, 200, answer.raw);
    assert.ok(answer.all("set-cookie").some((line) => /postern-access=./.test(line)), answer.raw);
    assert.match(answer.get("cache-control") ?? "", /no-store/);
    assert.equal(answer.get("cdn-cache-control"), null);
  });
});

onEachRuntime("answers that are still open when their session ends", {
  config: { revocation: { pollInterval: "100ms", maxStaleness: "5s" } },
}, async (stand, step) => {
  await step("end with it, whatever their media type", async () => {
    const types = ["text/event-stream", "application/stream+json", "application/x-json-stream"]
      .concat(["application/grpc-web+proto", "text/plain", "application/json", "text/html"])
      // The last one is short by its own word, and comes drop by drop.
      .concat(["video/mp4", "", "text/x-short"]);
    stand.upstream.answer((request, socket) => {
      const type = decodeURIComponent(request.target.split("?")[1] ?? "");
      const isShort = type === "text/x-short";
      socket.write(
        `HTTP/1.1 200 OK\r\n${type === "" ? "" : `Content-Type: ${type}\r\n`}` +
          (isShort ? "Content-Length: 5000\r\n\r\n" : "Transfer-Encoding: chunked\r\n\r\n"),
      );
      const beat = setInterval(() => socket.write(isShort ? ".\n" : "2\r\n.\n\r\n"), 100);
      socket.on("close", () => clearInterval(beat));
      return null;
    });
    const running = await Promise.all(types.map(async (type) => {
      const who = await stand.signIn("bob");
      const wire = await stand.open();
      wire.send(
        stand.bytes({
          target: `/x?${encodeURIComponent(type)}`,
          headers: [who.cookie, "Connection: close"],
        }),
      );
      return { type, who, wire };
    }));
    // Longer than an ordinary answer takes.
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    for (const { type, wire } of running) assert.match(wire.pending(), /^HTTP\/1\.1 200/, type);
    const alive: string[] = [];
    await Promise.all(running.map(async ({ type, who, wire }) => {
      const answer = await stand.send({
        method: "POST",
        target: "/auth/logout",
        headers: who.unsafe,
      });
      assert.equal(answer.status, 204, answer.text);
      if (!await wire.closed(6_000)) alive.push(type);
      // A stream of events may end anywhere; whatever else was cut must not look whole.
      assert.equal(wire.pending().endsWith("0\r\n\r\n"), type === "text/event-stream", type);
      wire.hangUp();
    }));
    assert.deepEqual(alive, []);
    stand.upstream.answer(() => {});
  });
});
