/**
 * The log may be a full disk, or a pipe whose reader has died or stopped: the gateway
 * goes on, and says how much was lost.
 */
import assert from "node:assert/strict";
import { generateKeySet } from "../../src/tokens/key_ring.ts";
import { createLogOutput } from "../../src/runtime/deno/log_output.ts";
import type { LogSink } from "../../src/runtime/deno/log_output.ts";
import { freePort } from "../support/ports.ts";
import { until } from "../support/until.ts";

const decoder = new TextDecoder();

/** A sink that does what it is told, one write after the other. */
function sinkOf(next: (bytes: Uint8Array) => number | Promise<number>) {
  let written = "";
  const sink: LogSink = {
    async write(bytes) {
      const count = await next(bytes);
      written += decoder.decode(bytes.subarray(0, count));
      return count;
    },
  };
  return { sink, written: () => written };
}

Deno.test("lines are written in order and whole, however little is taken at a time", async () => {
  const { sink, written } = sinkOf((bytes) => Math.min(3, bytes.length));
  const output = createLogOutput(sink, assert.fail);
  for (const line of ["one\n", "two\nthree\n", "", "four\n"]) output.write(line);
  await output.close();
  assert.equal(written(), "one\ntwo\nthree\nfour\n");
});

Deno.test("a full disk loses nothing that finds room in time", async () => {
  let isFull = true;
  const { sink, written } = sinkOf((bytes) => {
    if (isFull) throw new Error("No space left on device");
    return bytes.length;
  });
  const said: string[] = [];
  const output = createLogOutput(sink, (words) => said.push(words), {
    maxWaitingBytes: 20,
    retryMs: 5,
  });
  output.write("kept 1\nkept 2\n");
  output.write("lost 1\nlost 2\n");
  isFull = false;
  await until(() => said.length === 2, "it goes on");
  assert.equal(written(), "kept 1\nkept 2\n");
  assert.match(said[1] ?? "", /lost 2 lines/);
  output.write("again\n");
  await output.close();
  assert.equal(written(), "kept 1\nkept 2\nagain\n");
});

Deno.test("a reader that stops reading holds nobody up, at the end neither", async () => {
  const { sink } = sinkOf(() => new Promise<number>(() => {}));
  const said: string[] = [];
  const output = createLogOutput(sink, (words) => said.push(words), {
    maxWaitingBytes: 1_000,
    closeMs: 20,
  });
  for (let line = 0; line < 1_000; line++) output.write(`line ${line}\n`);
  assert.equal(said.length, 1, "told once");
  await output.close();
});

for (
  const [what, shell] of [
    ["is on a full disk", '"$@" > /dev/full'],
    ["goes to a reader that dies", '"$@" | head -n 1'],
    ["goes to a reader that stops reading", '"$@" | (read line; exec sleep 1000)'],
  ] as const
) {
  Deno.test(`a gateway whose log ${what} goes on`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "postern-log-" });
    const port = freePort();
    const backend = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response("ok"),
    );
    const main = new URL("../../src/main.ts", import.meta.url).pathname;
    const process = new Deno.Command("bash", {
      args: [
        ...["-c", shell, "bash", Deno.execPath(), "run", "-A", "--no-check"],
        ...[main, "start"],
      ],
      env: {
        POSTERN_CONFIG: JSON.stringify({
          origin: `http://localhost:${port}`,
          identity: { kind: "upstream", url: "http://127.0.0.1:1/", subject: "/id" },
          store: { kind: "sqlite", path: `${folder}/postern.db` },
          upstreams: { app: { targets: [`http://127.0.0.1:${backend.addr.port}`] } },
          routes: [{ path: "/*", upstream: "app", auth: "none" }],
          log: { access: true },
        }),
        POSTERN_PORT: String(port),
        POSTERN_ADMIN: `unix:${folder}/admin.sock`,
        POSTERN_KEYS: JSON.stringify(await generateKeySet()),
      },
      stdout: "null",
      stderr: "null",
    }).spawn();
    const ask = async (path: string) => {
      try {
        const answer = await fetch(`http://127.0.0.1:${port}${path}`);
        return await answer.text() === "ok" ? 200 : answer.status;
      } catch {
        return 0;
      }
    };
    try {
      await until(async () => await ask("/up") === 200, "it is up");
      // More than a pipe holds.
      const path = `/${"x".repeat(240)}`;
      for (let round = 0; round < 12; round++) {
        const answers = await Promise.all(Array.from({ length: 50 }, () => ask(path)));
        assert.deepEqual(new Set(answers), new Set([200]), `round ${round}`);
      }
    } finally {
      await stopTree(process.pid);
      await process.status;
      await backend.shutdown();
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Ends a process that we have started and what it has started, leaves first. */
async function stopTree(pid: number): Promise<void> {
  const { stdout } = await new Deno.Command("pgrep", { args: ["-P", String(pid)] }).output();
  for (const child of decoder.decode(stdout).split("\n").filter((each) => each !== "")) {
    await stopTree(Number(child));
  }
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
