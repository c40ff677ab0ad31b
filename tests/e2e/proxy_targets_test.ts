/**
 * An upstream with several targets: who is asked, who rests, what is tried again.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startGateway } from "../support/gateway.ts";
import { freePort } from "../support/ports.ts";
import { until } from "../support/until.ts";
import { startUpstream } from "../support/upstream.ts";

const OPEN = [{ path: "/*", upstream: "app", auth: "none" }];

function configOf(app: Record<string, unknown>): Record<string, unknown> {
  return { upstreams: { app }, routes: OPEN };
}

/** Reads requests and cuts each connection without an answer. */
function startCutter() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const seen: string[] = [];
  const done = (async () => {
    for await (const connection of listener) {
      const buffer = new Uint8Array(4096);
      const count = await connection.read(buffer);
      seen.push(new TextDecoder().decode(buffer.subarray(0, count ?? 0)).split("\r\n")[0] ?? "");
      connection.close();
    }
  })();
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    seen,
    async stop() {
      listener.close();
      await done;
    },
  };
}

async function codeOf(response: Response): Promise<string> {
  return (await response.json()).code;
}

Deno.test("a target that can not be reached costs no request: another one answers, any method", async () => {
  const upstream = startUpstream();
  const gateway = await startGateway({
    config: configOf({
      targets: [`http://127.0.0.1:${freePort()}`, upstream.url],
      ejection: { failures: 3, for: "1h" },
    }),
  });
  try {
    for (let count = 0; count < 10; count++) {
      const method = count % 2 === 0 ? "POST" : "GET";
      const answer = await fetch(`${gateway.url}/x`, { method });
      assert.equal(answer.status, 200);
      await answer.body?.cancel();
    }
    assert.equal(upstream.seen.length, 10);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});

Deno.test("what was cut before an answer is tried once more only when it may be sent twice", async () => {
  const cutter = startCutter();
  const upstream = startUpstream();
  const gateway = await startGateway({
    config: configOf({
      targets: [cutter.url, upstream.url],
      ejection: { failures: 1000, for: "1h" },
    }),
  });
  const cut = (method: string) => cutter.seen.filter((line) => line.startsWith(`${method} `));
  try {
    for (let count = 0; count < 4; count++) {
      const answer = await fetch(`${gateway.url}/get`);
      assert.equal(answer.status, 200);
      await answer.body?.cancel();
    }
    assert.ok(cut("GET").length >= 1, "the first target was asked");
    const statuses: number[] = [];
    for (const init of [{ method: "POST" }, { method: "PUT", body: "x" }]) {
      for (let count = 0; count < 4; count++) {
        const answer = await fetch(`${gateway.url}/${init.method}`, init);
        statuses.push(answer.status);
        await answer.body?.cancel();
      }
    }
    for (const method of ["POST", "PUT"]) {
      const passed = upstream.seen.filter((request) => request.method === method).length;
      assert.equal(cut(method).length + passed, 4, `${method} was sent once each time`);
      assert.ok(cut(method).length >= 1);
    }
    assert.equal(
      statuses.filter((status) => status === 502).length,
      cut("POST").length + cut("PUT").length,
    );
  } finally {
    await gateway.stop();
    await upstream.stop();
    await cutter.stop();
  }
});

Deno.test("a failing upstream is given a rest: 503 upstream_down at once, and back after a trial", async () => {
  let status = 503;
  const upstream = startUpstream(() => new Response("answer", { status }));
  const gateway = await startGateway({
    config: configOf({
      targets: [upstream.url],
      ejection: { failures: 2, for: "500ms", statuses: [503] },
    }),
  });
  try {
    for (let count = 0; count < 2; count++) {
      assert.equal(await (await fetch(gateway.url)).text(), "answer");
    }
    const refused = await fetch(gateway.url);
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get("retry-after"), "1");
    assert.equal(await codeOf(refused), "upstream_down");
    assert.equal(upstream.seen.length, 2, "nothing reaches a target at rest");
    status = 200;
    await until(async () => {
      const answer = await fetch(gateway.url);
      await answer.body?.cancel();
      return answer.status === 200;
    }, "the upstream is back");
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});

Deno.test("active health checks take a target out and bring it back, without any request", async () => {
  let isIll = true;
  const ill = startUpstream((request) =>
    new URL(request.url).pathname === "/healthz"
      ? new Response(null, { status: isIll ? 500 : 204 })
      : new Response("ill")
  );
  const well = startUpstream(() => new Response("well"));
  const gateway = await startGateway({
    config: configOf({
      targets: [ill.url, well.url],
      health: { path: "/healthz", interval: "50ms", timeout: "5s", unhealthyAfter: 2 },
    }),
  });
  const ask = async () => await (await fetch(gateway.url)).text();
  try {
    await until(() => ill.seen.length >= 4, "checked several times");
    for (let count = 0; count < 6; count++) assert.equal(await ask(), "well");
    isIll = false;
    await until(async () => await ask() === "ill", "the target is back");
  } finally {
    await gateway.stop();
    const after = ill.seen.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(ill.seen.length, after, "no check after the end");
    await ill.stop();
    await well.stop();
  }
});

Deno.test("requests beyond maxConcurrent get 503 upstream_busy, until one has ended", async () => {
  let finish = () => {};
  const upstream = startUpstream((request) =>
    request.url.endsWith("/slow")
      ? new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode("begun "));
            finish = () => controller.close();
          },
        }),
      )
      : null
  );
  const gateway = await startGateway({
    config: configOf({ targets: [upstream.url], maxConcurrent: 1 }),
  });
  try {
    // Its headers have come, its body has not ended: it is still under way.
    const slow = await fetch(`${gateway.url}/slow`);
    const refused = await fetch(`${gateway.url}/other`);
    assert.equal(refused.status, 503);
    assert.match(refused.headers.get("retry-after") ?? "", /^\d+$/);
    assert.equal(await codeOf(refused), "upstream_busy");
    finish();
    assert.equal(await slow.text(), "begun ");
    for (const method of ["GET", "HEAD", "GET", "GET"]) {
      await until(async () => {
        const answer = await fetch(`${gateway.url}/other`, { method });
        await answer.body?.cancel();
        return answer.status === 200;
      }, `${method}: there is room again`);
    }
    // A client that leaves makes room too.
    const left = await fetch(`${gateway.url}/slow`);
    await left.body?.cancel();
    await until(async () => {
      const answer = await fetch(`${gateway.url}/other`);
      await answer.body?.cancel();
      return answer.status === 200;
    }, "room after a client has left");
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});
