/**
 * Upstreams with TLS: whose name the certificate must have, whatever `Host` a
 * client sends, and HTTP/2 where it is allowed.
 */
import assert from "node:assert/strict";
import { createDenoTransports } from "../../src/runtime/deno/transport.ts";
import type { OutgoingRequest } from "../../src/upstream/forward.ts";
import { openUpstream } from "../../src/upstream/open.ts";
import { DEFAULT_CONNECTION } from "../../src/upstream/options.ts";

async function certificateFor(names: string) {
  const folder = await Deno.makeTempDir({ prefix: "postern-tls-" });
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-days", "2", "-subj", "/CN=upstream", "-addext", `subjectAltName=${names}`],
      ...["-addext", "basicConstraints=critical,CA:TRUE"],
      ...["-keyout", `${folder}/key.pem`, "-out", `${folder}/cert.pem`],
    ],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const pem = {
    cert: await Deno.readTextFile(`${folder}/cert.pem`),
    key: await Deno.readTextFile(`${folder}/key.pem`),
  };
  await Deno.remove(folder, { recursive: true });
  return pem;
}

/** Answers with the protocol and the name that it was asked by. */
async function withServer(
  names: string,
  test: (port: number, ca: string) => Promise<void>,
): Promise<void> {
  const { cert, key } = await certificateFor(names);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} },
    async (request) => {
      const body = await request.text();
      // Over HTTP/2 the name comes as `:authority`.
      const host = request.headers.get("host");
      const { host: authority } = new URL(request.url);
      return Response.json({
        http: host === null ? 2 : 1,
        authority: host ?? authority,
        body,
        headers: Object.fromEntries(request.headers),
      });
    },
  );
  try {
    await test(server.addr.port, cert);
  } finally {
    // Its own idle timeout is longer than any test.
    void server.shutdown();
  }
}

async function ask(
  target: string,
  ca: string,
  settings: {
    readonly http2?: boolean;
    readonly serverName?: string;
    readonly requests?: readonly Partial<OutgoingRequest>[];
  } = {},
) {
  const upstream = openUpstream({
    name: "app",
    targets: [target],
    timeoutMs: 5_000,
    idleTimeoutMs: 5_000,
    maxConcurrent: 100,
    host: "incoming",
    health: null,
    ejection: null,
    tls: { caPath: null, certPath: null, keyPath: null, serverName: settings.serverName ?? null },
    connection: { ...DEFAULT_CONNECTION, http2: settings.http2 ?? false },
  }, createDenoTransports(new Map([["app", { ca }]])));
  return await Promise.all((settings.requests ?? [{}]).map(async (request) => {
    const outcome = await upstream.forward({
      method: "GET",
      target: "/",
      headers: [],
      body: null,
      bodyBytes: null,
      maxBodyBytes: 1 << 20,
      client: new AbortController(),
      tie: null,
      ...request,
    });
    if (outcome.kind !== "answered") return outcome;
    return await new Response(outcome.answer.body).json();
  }));
}

Deno.test("the certificate must have the target's name, whatever Host the client sends", () =>
  withServer("IP:127.0.0.1", async (port, ca) => {
    const target = `https://127.0.0.1:${port}`;
    const [plain] = await ask(target, ca);
    assert.equal(plain.authority, `127.0.0.1:${port}`);
    const hosts = ["app.example.com", "evil.example.net", "127.0.0.2", "app.example.com"];
    const answers = await ask(target, ca, {
      requests: hosts.map((host) => ({ headers: [["host", host]] })),
    });
    assert.deepEqual(answers.map(({ authority }) => authority), hosts);
  }));

Deno.test("tls.serverName is looked for in the certificate, in place of the target's host", () =>
  withServer("DNS:backend.internal", async (port, ca) => {
    const target = `https://127.0.0.1:${port}`;
    const requests = [{ headers: [["host", "backend.internal"] as const] }];
    const [refused] = await ask(target, ca, { requests });
    assert.equal(refused.kind, "unavailable", "a client's Host proves nothing");
    const [right] = await ask(target, ca, { serverName: "backend.internal", requests });
    assert.equal(right.authority, "backend.internal");
    const [wrong] = await ask(target, ca, { serverName: "other.internal" });
    assert.deepEqual(wrong, { kind: "unavailable", reason: "the TLS handshake failed" });
  }));

Deno.test("HTTP/2 is spoken where it is allowed and offered, bodies and many requests included", () =>
  withServer("IP:127.0.0.1", async (port, ca) => {
    const target = `https://127.0.0.1:${port}`;
    const [without] = await ask(target, ca);
    assert.equal(without.http, 1);
    const requests = Array.from({ length: 40 }, (_, index): Partial<OutgoingRequest> => ({
      method: "POST",
      target: `/${index}`,
      headers: [["x-index", String(index)]],
      body: ReadableStream.from([new TextEncoder().encode(`body ${index}`)]),
      bodyBytes: `body ${index}`.length,
    }));
    const answers = await ask(target, ca, { http2: true, requests });
    answers.forEach((answer, index) => {
      assert.equal(answer.http, 2, JSON.stringify(answer));
      assert.equal(answer.body, `body ${index}`);
      assert.equal(answer.headers["x-index"], String(index));
    });
  }));
