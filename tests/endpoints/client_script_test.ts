import assert from "node:assert/strict";
import type { Postern, PosternOptions, Session } from "../../src/endpoints/pages/client.d.ts";
import { startGateway } from "../support/gateway.ts";
import { report } from "../support/report.ts";

Deno.test("the script for front ends is small, cached with care, and needs nothing else", async () => {
  const gateway = await startGateway();
  try {
    const response = await fetch(`${gateway.url}/auth/client.js`);
    const script = await response.text();
    assert.equal(script.includes("export const createPostern"), true);
    assert.doesNotMatch(script, /^\s*(?:\/\*|\*|\/\/)/m, "no comments");
    assert.equal(response.headers.get("content-type"), "text/javascript; charset=utf-8");
    assert.doesNotMatch(script, /^\s*import\s/m);
    const gzip = new Blob([script]).stream().pipeThrough(new CompressionStream("gzip"));
    const { byteLength } = await new Response(gzip).arrayBuffer();
    report(`client.js: ${byteLength} bytes gzipped`);
    assert.ok(byteLength < 4 * 1024);

    const etag = response.headers.get("etag") ?? "";
    const again = await fetch(`${gateway.url}/auth/client.js`, {
      headers: { "if-none-match": etag },
    });
    assert.equal(again.status, 304);
    const wrong = await fetch(`${gateway.url}/auth/client.js`, { method: "POST" });
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get("allow"), "GET, HEAD");
    await wrong.body?.cancel();
  } finally {
    await gateway.stop();
  }
});

Deno.test("its types say what an app may do", () => {
  const app = async (create: (options?: PosternOptions) => Postern) => {
    const postern = create({ base: "/auth" });
    const session: Session | null = await postern.ready;
    postern.on("signedIn", ({ subject, sid }) => [subject, sid]);
    postern.on("signedOut", (nothing: undefined) => nothing);
    // @ts-expect-error: there is no such event.
    postern.on("expired", () => {});
    const response: Response = await postern.fetch("/api", { method: "POST" });
    return [session?.accessExpiresAt, response.status];
  };
  assert.equal(typeof app, "function");
});
