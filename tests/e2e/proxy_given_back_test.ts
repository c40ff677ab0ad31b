/**
 * What a request takes is given back, whatever its client does: on Deno and in
 * workerd, where a request whose client has gone is dropped without a word.
 *
 * @module
 */
import { denoHarness } from "../support/gateway_process.ts";
import type { GatewayHarness, GatewayProcess } from "../support/gateway_process.ts";
import { startUpstream } from "../support/upstream.ts";
import { until } from "../support/until.ts";
import { workerdHarness } from "../support/workerd.ts";

const PLACES = 3;

async function withGateway(
  harness: GatewayHarness,
  test: (gateway: GatewayProcess, ask: () => Promise<number>) => Promise<void>,
): Promise<void> {
  const upstream = startUpstream((_request, { target }) =>
    target.startsWith("/stream/endless")
      ? new Response(new ReadableStream({ start: (to) => to.enqueue(new Uint8Array(10)) }))
      : null
  );
  const store = await harness.store();
  const gateway = await harness.start({
    config: {
      identity: { kind: "upstream", url: `${upstream.url}/login`, subject: "/id" },
      store: store.config,
      upstreams: {
        app: {
          targets: [upstream.url],
          maxConcurrent: PLACES,
          timeout: "1s",
          ejection: { failures: 2, for: "1h" },
        },
      },
      routes: [{ path: "/*", upstream: "app", auth: "none" }],
    },
    env: store.env,
  });
  const ask = async () => {
    const answer = await fetch(`${gateway.url}/x`);
    await answer.body?.cancel();
    return answer.status;
  };
  try {
    await test(gateway, ask);
  } finally {
    await gateway.stop();
    await store.stop();
    void upstream.stop();
  }
}

/** Sends bytes and hangs up after a while. */
async function sendAndLeave(port: number, text: string, afterMs: number): Promise<void> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(text));
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  connection.close();
}

const LEAVING: Readonly<Record<string, string>> = {
  "a PATCH that waits for 100 Continue":
    "PATCH /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
  "an upload that is broken off":
    "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc",
  "a chunked upload that is broken off":
    "POST /upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
  "an upgrade at an answer that does not end":
    "GET /stream/endless HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\n" +
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
  "a plain GET of an answer that does not end":
    "GET /stream/endless HTTP/1.1\r\nHost: localhost\r\n\r\n",
};

for (const harness of [denoHarness, workerdHarness]) {
  Deno.test(`${harness.name}: clients that hang up cost no place and no target`, () =>
    withGateway(harness, async ({ port }, ask) => {
      for (const [name, bytes] of Object.entries(LEAVING)) {
        // More often than there are places, or failures until a target rests.
        await Promise.all(
          Array.from({ length: PLACES * 2 }, () => sendAndLeave(port, bytes, 40)),
        );
        await until(async () => {
          const answers = await Promise.all(Array.from({ length: PLACES }, ask));
          return answers.every((status) => status === 200);
        }, `${harness.name}: all places free after ${name}`);
      }
    }));
}

Deno.test("Deno: odd methods and doubled subprotocols are no fault of a target", () =>
  withGateway(denoHarness, async ({ port }, ask) => {
    for (let count = 0; count < 6; count++) {
      for (
        const line of ["trace /x", "BREW /x", "GET /stream/socket"]
      ) {
        await sendAndLeave(
          port,
          `${line} HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n` +
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" +
            "Sec-WebSocket-Protocol: a, a\r\n\r\n",
          30,
        );
      }
    }
    await until(async () => await ask() === 200, "as before");
  }));
