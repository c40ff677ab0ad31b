/**
 * What is taken is given back: a place of `maxConcurrent`, a target of a pool.
 * Nothing that a client does counts against an upstream, nor keeps a place of it.
 */
import assert from "node:assert/strict";
import { plain, startRawUpstream } from "../../support/raw_upstream.ts";
import { onEachRuntime, RUNTIMES, startStand } from "../../support/stand.ts";
import type { Stand } from "../../support/stand.ts";
import { until } from "../../support/until.ts";

const UPGRADE = [
  ...["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** All three places can be had again, soon. */
async function assertPlacesFree(stand: Stand, what: string): Promise<void> {
  stand.upstream.answer(async () => {
    await wait(150);
    return plain();
  });
  await until(
    async () => {
      const answers = await Promise.all([1, 2, 3].map(() => stand.get("/public/free")));
      return answers.every(({ status }) => status === 200);
    },
    `all places free after ${what}`,
    4_000,
  );
  stand.upstream.answer(() => {});
}

onEachRuntime("places of an upstream", {
  app: { maxConcurrent: 3, timeout: "1s", idleTimeout: "1s" },
}, async (stand, step) => {
  /** Sends the same beginning three times, hangs up a little later. */
  async function hangUp(
    text: string,
    afterMs: number,
    answer: Parameters<typeof stand.upstream.answer>[0],
    times = 3,
  ): Promise<void> {
    stand.upstream.answer(answer);
    await Promise.all(Array.from({ length: times }, async () => {
      const wire = await stand.open();
      wire.send(text);
      await wait(afterMs);
      wire.hangUp();
    }));
  }
  const endless: Parameters<typeof stand.upstream.answer>[0] = (_request, socket) => {
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const beat = setInterval(() => socket.write("2\r\n.\n\r\n"), 50);
    socket.on("close", () => clearInterval(beat));
    return null;
  };
  const silent = () => null;

  await step("come back when clients leave an endless answer", async () => {
    for (const headers of [[], UPGRADE]) {
      await hangUp(stand.bytes({ target: "/public/stream", headers }), 300, endless);
      await assertPlacesFree(stand, `an endless answer with ${headers.length} headers`);
    }
  });

  await step("come back when clients leave before any answer", async () => {
    for (const headers of [[], UPGRADE]) {
      for (const afterMs of [0, 40, 300]) {
        await hangUp(stand.bytes({ target: "/public/slow", headers }), afterMs, silent);
        await assertPlacesFree(stand, `leaving after ${afterMs} ms, ${headers.length} headers`);
      }
    }
  });

  await step("come back when uploads break off, whatever was promised", async () => {
    for (const method of ["POST", "PATCH"]) {
      for (
        const headers of [
          ["Content-Length: 9", "Expect: 100-continue"],
          ["Content-Length: 100"],
          ["Transfer-Encoding: chunked"],
          ["Transfer-Encoding: chunked", "Expect: 100-continue"],
        ]
      ) {
        for (const [body, afterMs] of [["", 40], ["3\r\nabc\r\n", 40], ["", 0]] as const) {
          const text = stand.bytes({ method, target: "/public/upload", headers, body });
          await hangUp(text, afterMs, silent);
        }
        await assertPlacesFree(stand, `${method} ${headers}`);
      }
    }
  });

  await step("come back after statuses that do not exist", async () => {
    for (
      const rest of [
        "Content-Length: 2\r\n\r\nok",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
      ]
    ) {
      for (const status of ["999 Denied", "600 Six", "1000 High", "020 Low"]) {
        stand.upstream.answer(() => `HTTP/1.1 ${status}\r\n${rest}`);
        for (let times = 0; times < 4; times++) {
          const answer = await stand.get("/public/x");
          assert.equal(answer.status, 502, `${status}: ${answer.text}`);
        }
        await assertPlacesFree(stand, status);
      }
    }
  });

  await step("come back after answers that are none", async () => {
    for (
      const text of [
        "HTTP/1.1 200 OK\r\nX Bad: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "SSH-2.0-OpenSSH_9\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nSec-WebSocket-Accept: no\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nshort",
      ]
    ) {
      for (const headers of [[], UPGRADE]) {
        stand.upstream.answer((_request, socket) => {
          socket.end(text);
          return null;
        });
        for (let times = 0; times < 4; times++) {
          const answer = await stand.send({ target: "/public/x", headers }, 5_000);
          assert.ok(!/"stack"|\bat .*:\d+:\d+/.test(answer.text), answer.text);
          assert.ok(![500].includes(answer.status), `${text}: ${answer.raw}`);
        }
        await assertPlacesFree(stand, JSON.stringify(text));
      }
    }
  });

  await step("a doubled subprotocol is no fault of ours or the upstream's", async () => {
    for (const offer of ["a, a", "a,a,b", "a , a", "a, A, a", ", a", "a,,b", "a b", "é", ""]) {
      stand.upstream.answer(() => plain("no", [], "403 Forbidden"));
      for (let times = 0; times < 4; times++) {
        const answer = await stand.send({
          target: "/public/ws",
          headers: [...UPGRADE, `Sec-WebSocket-Protocol: ${offer}`],
        }, 5_000);
        assert.ok(answer.status >= 200 && answer.status < 500, `${offer}: ${answer.raw}`);
      }
      await assertPlacesFree(stand, `the offer "${offer}"`);
    }
  });
});

for (const harness of RUNTIMES) {
  Deno.test({
    name: `${harness.name}: nothing that clients do takes the targets of a pool away`,
    sanitizeResources: false,
    sanitizeOps: false,
    async fn(t) {
      const second = await startRawUpstream();
      const first = await startRawUpstream();
      const stand = await startStand(harness, {
        upstreams: {
          pool: {
            targets: [first.url, second.url],
            timeout: "1s",
            ejection: { failures: 2, for: "500ms" },
          },
        },
        routes: [{ path: "/*", upstream: "pool", auth: "none" }],
      });
      const step = (name: string, fn: () => Promise<void>) =>
        t.step({ name, fn, sanitizeResources: false, sanitizeOps: false });
      const alive = async (what: string) => {
        const answers = await Promise.all([1, 2, 3, 4].map(() => stand.get("/alive")));
        for (const { status, text } of answers) assert.equal(status, 200, `${what}: ${text}`);
      };
      try {
        await step("odd methods", async () => {
          for (
            const method of ["trace", "Trace", "TRACE", "CONNECT", "TRACK", "connect", "track"]
          ) {
            for (let times = 0; times < 8; times++) await stand.send({ method, target: "/x" });
            await alive(method);
          }
        });
        await step("bodies where some runtimes take none", async () => {
          for (const method of ["GET", "HEAD", "GET", "HEAD"]) {
            for (let times = 0; times < 4; times++) {
              await stand.send({ method, target: "/x", body: "{}" });
            }
            await alive(method);
          }
        });
        await step("broken uploads", async () => {
          for (let times = 0; times < 12; times++) {
            const wire = await stand.open();
            wire.send(stand.bytes({
              method: "POST",
              target: "/x",
              headers: ["Content-Length: 100"],
              body: "abc",
            }));
            await wait(20);
            wire.hangUp();
          }
          await alive("broken uploads");
        });
        await step("uploads that stop, while the target waits for them", async () => {
          for (const target of [first, second]) target.answer(() => {});
          await Promise.all(Array.from({ length: 8 }, async () => {
            const wire = await stand.open();
            wire.send(stand.bytes({
              method: "POST",
              target: "/x",
              headers: ["Content-Length: 100"],
              body: "abc",
            }));
            await wait(2_500);
            wire.hangUp();
          }));
          await alive("stopped uploads");
        });
        await step("handshakes that can not be sent, as trials too", async () => {
          for (let times = 0; times < 6; times++) {
            await stand.send({
              target: "/ws",
              headers: [...UPGRADE, "Sec-WebSocket-Protocol: a, a"],
            }, 5_000);
          }
          await alive("handshakes");
        });
        await step("a trial that never ends does not keep its target out", async () => {
          // Both targets fail until they are given a rest.
          for (const target of [first, second]) {
            target.answer((_request, socket) => {
              socket.destroy();
              return null;
            });
          }
          for (let times = 0; times < 8; times++) await stand.get("/x");
          // The trial after the rest hangs; its client goes away.
          for (const target of [first, second]) target.answer(() => null);
          await wait(700);
          await Promise.all([1, 2, 3, 4].map(async () => {
            const wire = await stand.open();
            wire.send(stand.bytes({ target: "/x", headers: UPGRADE }));
            await wait(200);
            wire.hangUp();
          }));
          for (const target of [first, second]) target.answer(() => {});
          await until(
            async () => (await stand.get("/x")).status === 200,
            "a target is back",
            8_000,
          );
          await until(
            async () => {
              const answers = await Promise.all([1, 2, 3, 4].map(() => stand.get("/x")));
              return answers.every(({ status }) => status === 200);
            },
            "all is well",
            8_000,
          );
        });
        await step("a target that is really down is passed over", async () => {
          first.answer((_request, socket) => {
            socket.destroy();
            return null;
          });
          for (let times = 0; times < 6; times++) await stand.get("/x");
          const answers = await Promise.all([1, 2, 3, 4].map(() => stand.get("/x")));
          assert.ok(answers.every(({ status }) => status === 200), "the other one answers");
        });
      } finally {
        await stand.stop();
        await first.stop();
        await second.stop();
      }
    },
  });
}
