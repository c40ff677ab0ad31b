import assert from "node:assert/strict";
import { createAskFetch } from "../../src/runtime/deno/ask_fetch.ts";

/** Answers GET, keeps the connection, reads a POST on it and hangs up. */
function hangsUpOnPosts() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const encoder = new TextEncoder();
  const seen: string[] = [];
  const open = new Set<Deno.TcpConn>();
  async function serve(connection: Deno.TcpConn): Promise<void> {
    open.add(connection);
    const buffer = new Uint8Array(4096);
    for (let count = await connection.read(buffer); count; count = await connection.read(buffer)) {
      const method = new TextDecoder().decode(buffer.subarray(0, count)).split(" ", 1)[0] ?? "";
      seen.push(method);
      if (method === "POST") break;
      await connection.write(encoder.encode("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    }
    open.delete(connection);
    connection.close();
  }
  const accepting = (async () => {
    for await (const connection of listener) void serve(connection).catch(() => {});
  })();
  return {
    url: `http://127.0.0.1:${listener.addr.port}/`,
    seen,
    async stop() {
      listener.close();
      await accepting;
      for (const connection of open) connection.close();
    },
  };
}

Deno.test({
  name: "a question that may not be asked twice is asked once",
  sanitizeResources: false,
  async fn() {
    const server = hangsUpOnPosts();
    try {
      const ask = createAskFetch();
      for (let round = 0; round < 3; round++) {
        await (await ask(server.url)).text();
        await assert.rejects(ask(server.url, { method: "POST", body: "code=once" }));
      }
      assert.equal(server.seen.filter((method) => method === "POST").length, 3);
    } finally {
      await server.stop();
    }
  },
});
