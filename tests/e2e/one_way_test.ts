/**
 * One way in, one way out: the host that is asked for, what an upstream is told,
 * what a client gets back.
 */
import assert from "node:assert/strict";
import { BrowserClient } from "../support/browser_client.ts";
import { startGateway } from "../support/gateway.ts";
import { rawExchange } from "../support/raw_http.ts";
import { startUpstream } from "../support/upstream.ts";

const token = async (url: string): Promise<string> => {
  const answer = await fetch(`${url}/api/token/`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "demo", password: "postern" }),
  });
  return (await answer.json()).access;
};

Deno.test("a host that is nobody's is misdirected, on Postern's own paths as well; probes answer all", async () => {
  const upstream = startUpstream();
  const gateway = await startGateway({
    upstream: upstream.url,
    config: {
      routes: [
        { path: "/*", host: "*.example.com", upstream: "app", auth: "none" },
        { path: "/public/*", upstream: "app", auth: "none" },
      ],
    },
  });
  const statusOf = async (target: string, host: string) =>
    (await rawExchange(
      Number(new URL(gateway.url).port),
      `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    )).status;
  try {
    for (const host of ["evil.test", "example.com", "xexample.com", "localhost.evil.test"]) {
      for (const target of ["/public/x", "/auth/login", "/api/token/", "/auth/client.js"]) {
        assert.equal(await statusOf(target, host), 421, `${host}${target}`);
      }
      assert.equal(await statusOf("/auth/healthz", host), 200, host);
      assert.equal(await statusOf("/.well-known/jwks.json", host), 200, host);
    }
    assert.equal(await statusOf("/x", "a.example.com"), 200);
    assert.equal(await statusOf("/x", "A.Example.COM.:80"), 200);
    assert.equal(upstream.seen.at(-1)?.headers.get("x-forwarded-host"), "a.example.com");
    for (
      const host of ["a.example.com/auth/session?", "a.example.com#", "a@b.example.com", "a b"]
    ) {
      assert.equal(await statusOf("/x", host), 400, host);
    }
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});

Deno.test("a CSRF or session token reaches no upstream in any header, and is refused in the request line", async () => {
  const upstream = startUpstream();
  const gateway = await startGateway({ upstream: upstream.url });
  try {
    const access = await token(gateway.url);
    const browser = new BrowserClient(gateway.url);
    const { csrfToken } = await browser.signIn();
    const secrets = [access, csrfToken];
    for (const secret of secrets) {
      for (
        const headers of [
          { "x-anything": secret },
          { referer: `https://a.example/?t=${secret}` },
          { cookie: `theme=dark; mine=${secret}; lang=en` },
          { "authenticity-token": `"${secret}"` },
        ]
      ) {
        const answer = await fetch(`${gateway.url}/public/x`, { headers });
        assert.equal(answer.status, 200);
        await answer.body?.cancel();
        const seen = upstream.seen.at(-1);
        assert.doesNotMatch(
          JSON.stringify([...seen?.headers ?? []]),
          new RegExp(secret.slice(-40)),
        );
        if ("cookie" in headers) {
          assert.equal(seen?.headers.get("cookie"), "theme=dark; lang=en");
        }
      }
      const before = upstream.seen.length;
      for (const target of [`/public/${secret}`, `/public/x?a=${secret}`]) {
        const answer = await fetch(gateway.url + target);
        assert.equal(answer.status, 400, target);
        assert.equal((await answer.json()).code, "token_in_query");
      }
      assert.equal(upstream.seen.length, before);
      await fetch(`${gateway.url}/auth/${secret}`, { method: "POST" }).then((answer) =>
        answer.body?.cancel()
      );
      assert.doesNotMatch(JSON.stringify(gateway.events), new RegExp(secret.slice(-40)));
    }
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});

Deno.test("an authorised answer is private to every cache; the route can say that it is shared", async () => {
  const upstream = startUpstream((_request, { target }) =>
    new Response("for you", {
      headers: {
        "cache-control": "public, s-maxage=600",
        "cdn-cache-control": "max-age=600",
        "x-accel-expires": "600",
        ...(target.includes("vary") ? { vary: "Accept" } : {}),
      },
    })
  );
  const gateway = await startGateway({
    upstream: upstream.url,
    config: {
      routes: [
        { path: "/public/*", upstream: "app", auth: "none" },
        { path: "/shared/*", upstream: "app", cache: "shared" },
        {
          path: "/set/*",
          upstream: "app",
          responseHeaders: { set: { "Cache-Control": "public, max-age=1" } },
        },
        { path: "/*", upstream: "app" },
      ],
    },
  });
  try {
    const authorization = `Bearer ${await token(gateway.url)}`;
    const ask = async (path: string) => {
      const answer = await fetch(gateway.url + path, { headers: { authorization } });
      await answer.body?.cancel();
      return answer.headers;
    };
    const own = await ask("/x?vary");
    assert.equal(own.get("cache-control"), "private");
    assert.equal(own.get("cdn-cache-control"), null);
    assert.equal(own.get("x-accel-expires"), null);
    assert.equal(own.get("vary"), "Accept, Cookie, Authorization");
    assert.equal((await ask("/set/x")).get("cache-control"), "max-age=1, private");
    const shared = await ask("/shared/x");
    assert.equal(shared.get("cache-control"), "public, s-maxage=600");
    assert.equal(shared.get("cdn-cache-control"), "max-age=600");
    const open = await ask("/public/x");
    assert.equal(open.get("cache-control"), "public, s-maxage=600");
    assert.equal(open.get("vary"), null);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});

Deno.test("whatever is still open when the session ends is cut, whatever its type", async () => {
  const upstream = startUpstream((_request, { target }) => {
    let timer: ReturnType<typeof setInterval>;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        timer = setInterval(() => controller.enqueue(new TextEncoder().encode("tick\n")), 100);
      },
      cancel: () => clearInterval(timer),
    });
    return new Response(body, {
      headers: { "content-type": new URL(target, "http://x").searchParams.get("type") ?? "" },
    });
  });
  const gateway = await startGateway({ upstream: upstream.url });
  try {
    const browser = new BrowserClient(gateway.url);
    await browser.signIn();
    const streams = await Promise.all(
      ["text/event-stream", "text/plain", "application/json", "application/grpc-web+proto"].map(
        async (type) => {
          const answer = await browser.fetch(`/stream?type=${encodeURIComponent(type)}`);
          assert.equal(answer.status, 200);
          const end = async () => {
            try {
              for await (const _ of answer.body ?? []);
              return "closed";
            } catch {
              return "broken off";
            }
          };
          // In a list, or it would be waited for here.
          return [end()];
        },
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 3_500));
    assert.equal((await browser.post("/auth/logout")).status, 204);
    assert.deepEqual(await Promise.all(streams.flat()), [
      "closed",
      "broken off",
      "broken off",
      "broken off",
    ]);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});

Deno.test("Postern's own answers, refusals too, carry what browsers need to know; an upstream's do not", async () => {
  const upstream = startUpstream();
  const gateway = await startGateway({ upstream: upstream.url });
  try {
    for (
      const path of ["/auth/login", "/auth/session", "/nothing", "/auth/nothing", "/api/token/"]
    ) {
      const answer = await fetch(gateway.url + path);
      await answer.body?.cancel();
      assert.equal(answer.headers.get("cross-origin-opener-policy"), "same-origin", path);
      assert.equal(answer.headers.get("cross-origin-resource-policy"), "same-origin", path);
      assert.equal(answer.headers.get("x-content-type-options"), "nosniff", path);
      assert.equal(answer.headers.get("strict-transport-security"), null, "plain http");
    }
    const passed = await fetch(`${gateway.url}/public/x`);
    await passed.body?.cancel();
    assert.equal(passed.headers.get("cross-origin-opener-policy"), null);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});

Deno.test("several origins: people sign in, and write, on each; a session of one is none on the other", async () => {
  const upstream = startUpstream();
  const gateway = await startGateway({
    upstream: upstream.url,
    config: {
      origins: ["http://127.0.0.1:9"],
      routes: [{ path: "/*", upstream: "app" }],
    },
  });
  const port = Number(new URL(gateway.url).port);
  const ask = (method: string, path: string, headers: Record<string, string>, body = "") =>
    rawExchange(
      port,
      [
        `${method} ${path} HTTP/1.1`,
        "Host: 127.0.0.1:9",
        "Connection: close",
        ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
        `Content-Length: ${body.length}`,
        "",
        body,
      ].join("\r\n"),
    );
  const signIn = (origin: string) =>
    ask(
      "POST",
      "/auth/login",
      { "Content-Type": "application/json", Origin: origin },
      JSON.stringify({ username: "demo", password: "postern" }),
    );
  try {
    assert.equal((await signIn(gateway.url)).status, 403, "the other one of ours is another site");
    assert.equal((await signIn("http://evil.localhost:9")).status, 403);
    const answer = await signIn("http://127.0.0.1:9");
    assert.equal(answer.status, 200);
    const { csrfToken } = JSON.parse(answer.text);
    const access = /postern-access=([^;]+)/.exec(answer.head)?.[1];
    const cookie = `postern-access=${access}; postern-csrf=${csrfToken}`;
    const write = (origin: string) =>
      ask("POST", "/x", { Cookie: cookie, "X-CSRF-Token": csrfToken, Origin: origin });
    assert.equal((await write("http://127.0.0.1:9")).status, 200);
    assert.equal(upstream.seen.at(-1)?.headers.get("x-forwarded-host"), "127.0.0.1:9");
    assert.equal((await write(gateway.url)).status, 403);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});
