/**
 * The proxy among real peers and on bare sockets: request smuggling, nginx in
 * front and behind, HTTP/2, and whether anything leaks.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { denoHarness, type GatewayProcess } from "../support/gateway_process.ts";
import { startGateway } from "../support/gateway.ts";
import { startNginx } from "../support/nginx.ts";
import { rawExchange } from "../support/raw_http.ts";
import { report } from "../support/report.ts";
import { until } from "../support/until.ts";
import { startUpstream } from "../support/upstream.ts";

/** A Node upstream that notes every request line and body that it understood. */
async function startNodeUpstream() {
  const seen: { readonly line: string; readonly body: string; readonly host: string }[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (data) => body += data);
    request.on("end", () => {
      seen.push({
        line: `${request.method} ${request.url}`,
        body,
        host: request.headers.host ?? "",
      });
      response.end("ok");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    seen,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
const post = (headers: readonly string[], body: string, end = "\r\n") =>
  ["POST /upload HTTP/1.1", "Host: localhost", ...headers, "", ""].join(end) + body;
const chunked = (body: string) => post(["Transfer-Encoding: chunked"], body);

/** Requests on which two parsers could disagree. `body`: what may arrive of it, if anything does. */
const ATTACKS: Readonly<Record<string, string>> = {
  "Content-Length and Transfer-Encoding": post(
    ["Content-Length: 5", "Transfer-Encoding: chunked"],
    `0\r\n\r\n${SMUGGLED}`,
  ),
  "Transfer-Encoding and a longer Content-Length": post(
    [`Content-Length: ${5 + SMUGGLED.length}`, "Transfer-Encoding: chunked"],
    `0\r\n\r\n${SMUGGLED}`,
  ),
  "two Content-Lengths": post(
    ["Content-Length: 0", `Content-Length: ${SMUGGLED.length}`],
    SMUGGLED,
  ),
  "a list of Content-Lengths": post([`Content-Length: 0, ${SMUGGLED.length}`], SMUGGLED),
  "a signed Content-Length": post([`Content-Length: +${SMUGGLED.length}`], SMUGGLED),
  "a negative Content-Length": post(["Content-Length: -1"], SMUGGLED),
  "a hexadecimal Content-Length": post(["Content-Length: 0x10"], SMUGGLED),
  "a misspelt encoding": post(
    [`Content-Length: ${SMUGGLED.length}`, "Transfer-Encoding: xchunked"],
    SMUGGLED,
  ),
  "chunked is not last": post(
    ["Content-Length: 5", "Transfer-Encoding: chunked, identity"],
    `0\r\n\r\n${SMUGGLED}`,
  ),
  "a space before the colon": post(
    ["Content-Length: 5", "Transfer-Encoding : chunked"],
    `0\r\n\r\n${SMUGGLED}`,
  ),
  "a tab before the value": post(
    ["Content-Length: 5", "Transfer-Encoding:\tchunked"],
    `0\r\n\r\n${SMUGGLED}`,
  ),
  "an obsolete line fold": post(
    ["X-A: b\r\n Transfer-Encoding: chunked", "Content-Length: 5"],
    `0\r\n\r\n${SMUGGLED}`,
  ),
  "a folded Transfer-Encoding": post(
    ["Transfer-Encoding:\r\n chunked", "Content-Length: 5"],
    `0\r\n\r\n${SMUGGLED}`,
  ),
  "bare line feeds": post(["Content-Length: 0"], SMUGGLED, "\n"),
  "a bare carriage return": post(
    ["X-A: b\rTransfer-Encoding: chunked", "Content-Length: 5"],
    `0\r\n\r\n${SMUGGLED}`,
  ),
  "NUL in a header": post(["X-A: a\0b", "Content-Length: 0"], SMUGGLED),
  "a space in a header's name": post(["X A: b", "Content-Length: 0"], SMUGGLED),
  "a chunk size with 0x": chunked(`0x5\r\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  "a negative chunk size": chunked(`-5\r\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  "a chunk size that overflows": chunked(`FFFFFFFFFFFFFFFF0\r\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  "a chunk that is longer than it says": chunked(`3\r\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  "a chunk extension with a line feed": chunked(`5;a=\nb\r\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  "chunks ended by line feeds": chunked(`5\nhello\n0\n\n${SMUGGLED}`),
  "a trailer that looks like a header": chunked(
    `0\r\nContent-Length: 99\r\nAuthorization: Bearer x\r\n\r\n${SMUGGLED}`,
  ),
  "two Hosts": `GET /public HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n${SMUGGLED}`,
  "no Host": `GET /public HTTP/1.1\r\n\r\n${SMUGGLED}`,
  "an absolute form that names another host":
    `GET http://evil.example/public HTTP/1.1\r\nHost: localhost\r\n\r\n${SMUGGLED}`,
  "an absolute form of a protected path":
    `GET http://localhost/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  "user info in an absolute form":
    `GET http://localhost@evil.example/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  "HTTP/0.9": "GET /smuggled\r\n\r\n",
  "HTTP/1.0 with chunks":
    `POST /upload HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
};

Deno.test("no request is smuggled past the gateway", async () => {
  const upstream = await startNodeUpstream();
  const gateway = await startGateway({
    upstream: upstream.url,
    config: {
      routes: [
        { path: "/upload", upstream: "app", auth: "none" },
        { path: "/public", upstream: "app", auth: "none" },
        { path: "/*", upstream: "app" },
      ],
    },
  });
  const port = Number(new URL(gateway.url).port);
  const outcomes = { refused: 0, passed: 0 };
  try {
    for (const [name, bytes] of Object.entries(ATTACKS)) {
      upstream.seen.length = 0;
      // A last request, so that the gateway closes the connection when it understood all of it.
      const last = "GET /public HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
      const answer = await Promise.race([
        rawExchange(port, bytes + last),
        new Promise<null>((resolve) => setTimeout(() => resolve(null), 1_500)),
      ]);
      outcomes[upstream.seen.length === 0 ? "refused" : "passed"]++;
      for (const { line, host } of upstream.seen) {
        // Behind Postern everybody is known: what is protected never comes without a token.
        assert.ok(["POST /upload", "GET /public"].includes(line), `${name}: ${line}`);
        assert.equal(host, upstream.host, name);
      }
      assert.ok(answer === null || answer.status === 0 || answer.status >= 200, name);
    }
    report(
      `${Object.keys(ATTACKS).length} ways to smuggle: ${outcomes.refused} never reached the ` +
        `upstream, ${outcomes.passed} did as the one request that they are`,
    );
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});

Deno.test("behind nginx, its word on the client counts; a stranger's does not", async () => {
  const upstream = startUpstream();
  const routes = [
    { path: "/*", host: "shop.example.com", upstream: "app", auth: "none" },
    { path: "/*", upstream: "app", auth: "none" },
  ];
  const trusting = await startGateway({
    upstream: upstream.url,
    config: { routes, trustedProxies: ["127.0.0.1"] },
  });
  const alone = await startGateway({ upstream: upstream.url, config: { routes } });
  const nginx = await startNginx(`
    location / {
      proxy_pass http://127.0.0.1:${new URL(trusting.url).port};
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header X-Forwarded-Host shop.example.com;
      proxy_set_header X-Request-Id from-nginx;
    }
  `);
  // Another address of this machine, so that the client is not its own proxy.
  const ask = async (url: string) => {
    const { stdout, success } = await new Deno.Command("curl", {
      args: [
        ...["-sS", "--interface", "127.0.0.2", "-H", "X-Forwarded-For: 6.6.6.6"],
        ...["-H", "X-Forwarded-Proto: gopher", "-H", "Forwarded: for=6.6.6.6", url],
      ],
    }).output();
    assert.ok(success);
    return JSON.parse(new TextDecoder().decode(stdout)).headers as Record<string, string>;
  };
  try {
    const through = await ask(`http://127.0.0.1:${nginx.port}/x`);
    assert.equal(through["x-forwarded-for"]?.split(", ").at(0), "127.0.0.2");
    assert.doesNotMatch(JSON.stringify(through), /6\.6\.6\.6|gopher/);
    assert.equal(through["x-forwarded-proto"], "https");
    assert.equal(through["x-forwarded-host"], "shop.example.com");
    assert.equal(through["x-request-id"], "from-nginx");
    const direct = await ask(`http://127.0.0.1:${new URL(alone.url).port}/x`);
    assert.equal(direct["x-forwarded-for"], "127.0.0.2");
    assert.equal(direct["x-forwarded-proto"], "http");
    assert.doesNotMatch(JSON.stringify(direct), /6\.6\.6\.6|gopher/);
  } finally {
    await nginx.stop();
    await trusting.stop();
    await alone.stop();
    await upstream.stop();
  }
});

async function openssl(folder: string, command: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("sh", {
    args: ["-c", command],
    cwd: folder,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

Deno.test("an upstream with a certificate of its own authority, which asks for ours (mTLS)", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-mtls-" });
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
  await openssl(
    folder,
    `openssl req -x509 ${key} -days 2 -subj /CN=shop-ca -keyout ca.key -out ca.pem &&
     openssl req ${key} -subj /CN=upstream -keyout server.key -out server.csr &&
     printf 'subjectAltName=IP:127.0.0.1' > san &&
     openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 -extfile san -out server.pem &&
     openssl req ${key} -subj /CN=postern -keyout client.key -out client.csr &&
     openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -days 2 -extfile san -out client.pem`,
  );
  const read = (name: string) => Deno.readTextFile(`${folder}/${name}`);
  const nginx = await startNginx(
    `
    ssl_certificate ${folder}/server.pem;
    ssl_certificate_key ${folder}/server.key;
    ssl_client_certificate ${folder}/ca.pem;
    ssl_verify_client on;
    location / { add_header X-Caller $ssl_client_s_dn; return 200 "known"; }
  `,
    { tls: true },
  );
  const config = {
    upstreams: { app: { targets: [`https://127.0.0.1:${nginx.port}`] } },
    routes: [{ path: "/*", upstream: "app", auth: "none" }],
  };
  const ca = await read("ca.pem");
  const both = { ca, cert: await read("client.pem"), key: await read("client.key") };
  const ask = async (pem: ReadonlyMap<string, { ca?: string; cert?: string; key?: string }>) => {
    const gateway = await startGateway({ config, pem });
    try {
      const response = await fetch(`${gateway.url}/x`);
      await response.body?.cancel();
      return { status: response.status, caller: response.headers.get("x-caller") };
    } finally {
      await gateway.stop();
    }
  };
  try {
    assert.deepEqual(await ask(new Map([["app", both]])), { status: 200, caller: "CN=postern" });
    // nginx itself refuses a client without a certificate; Postern passes its word on.
    assert.equal((await ask(new Map([["app", { ca }]]))).status, 400);
    assert.equal((await ask(new Map())).status, 502, "an authority that nobody knows");
  } finally {
    await nginx.stop();
    await Deno.remove(folder, { recursive: true });
  }
});

async function production(upstream: string): Promise<{
  gateway: GatewayProcess;
  stop(): Promise<void>;
}> {
  const store = await denoHarness.store();
  const gateway = await denoHarness.start({
    config: {
      identity: { kind: "upstream", url: `${upstream}/login`, subject: "/id" },
      store: store.config,
      upstreams: { app: { targets: [upstream] } },
      routes: [{ path: "/*", upstream: "app", auth: "none" }],
    },
  });
  return {
    gateway,
    async stop() {
      await gateway.stop();
      await store.stop();
    },
  };
}

Deno.test("HTTP/2 with many streams at once", async () => {
  const upstream = startUpstream(() => new Response("ok"));
  const { gateway, stop } = await production(upstream.url);
  try {
    const { stdout } = await new Deno.Command("h2load", {
      args: ["-n", "3000", "-c", "10", "-m", "20", `http://127.0.0.1:${gateway.port}/x`],
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.match(text, /Application protocol: h2c/);
    assert.match(text, /3000 succeeded, 0 failed, 0 errored/);
  } finally {
    await stop();
    await upstream.stop();
  }
});

function openFiles(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}

function residentMiB(pid: number): number {
  const [, pages = "0"] = Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ");
  return Number(pages) * 4096 / 1024 / 1024;
}

Deno.test({
  name: "10,000 connections, vanishing clients, cut answers and slow lorises leave nothing behind",
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const upstream = createServer((request, response) => {
      switch (request.url) {
        case "/cut":
          response.writeHead(200, { "content-length": "1000000" });
          response.write("x".repeat(1000));
          setTimeout(() => response.destroy(), 5);
          return;
        case "/slow":
          // A loris at the other end: it begins and never finishes.
          response.writeHead(200);
          response.write("a");
          return;
        default:
          response.end("ok");
      }
    });
    await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
    const { port } = upstream.address() as { port: number };
    const { gateway, stop } = await production(`http://127.0.0.1:${port}`);
    const pid = gateway.pid();
    const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n`;
    const ask = () => rawExchange(gateway.port, `${request("/x")}Connection: close\r\n\r\n`);
    const many = async (count: number, act: () => Promise<unknown>) => {
      for (let done = 0; done < count; done += 20) {
        await Promise.all(Array.from({ length: 20 }, act));
      }
    };
    /** Opens, sends, and hangs up after a moment. */
    const vanish = async (text: string, afterMs: number) => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port: gateway.port });
      await connection.write(new TextEncoder().encode(text));
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      connection.close();
    };
    try {
      const round = async () => {
        await many(5_000, ask);
        await many(200, () => vanish(`${request("/slow")}\r\n`, 20));
        await many(200, () => vanish(`${request("/x")}\r\n`, 0));
        await many(
          200,
          () =>
            vanish("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf", 10),
        );
        await many(200, () => vanish(`${request("/cut")}\r\n`, 50));
        const lorises = Array.from(
          { length: 100 },
          () => vanish(`${request("/x")}X-Slow: `, 1_000),
        );
        const beganAtMs = performance.now();
        assert.equal((await ask()).status, 200, "others are served meanwhile");
        assert.ok(performance.now() - beganAtMs < 5_000);
        await Promise.all(lorises);
        // Time for the rest: idle connections to the upstream are kept for a moment.
        await new Promise((resolve) => setTimeout(resolve, 500));
        return { files: openFiles(pid), mib: residentMiB(pid) };
      };
      const start = { files: openFiles(pid), mib: residentMiB(pid) };
      // The first round fills pools and heaps; what the second adds would be a leak.
      const first = await round();
      const second = await round();
      await until(() => openFiles(pid) <= start.files + 25, "connections are closed");
      report(
        `10,000 connections: open files ${start.files} at the start, ${first.files} after the ` +
          `first half, ${second.files} after the second; memory ${start.mib.toFixed(0)}, ` +
          `${first.mib.toFixed(0)}, ${second.mib.toFixed(0)} MiB`,
      );
      assert.ok(second.mib < first.mib + 64);
    } finally {
      await stop();
      upstream.closeAllConnections();
      await new Promise((resolve) => upstream.close(resolve));
    }
  },
});
