/**
 * What takes long before it has an answer ends with the session, too: an upload that
 * goes on and on, a question that the upstream holds open, a body that is announced
 * and does not come. None of them is a way to be let in by an old decision.
 */
import assert from "node:assert/strict";
import { connect } from "node:http2";
import { denoHarness } from "../../support/gateway_process.ts";
import { plain } from "../../support/raw_upstream.ts";
import { HOST, onEachRuntime } from "../../support/stand.ts";
import type { SignedIn, Stand } from "../../support/stand.ts";
import { until } from "../../support/until.ts";

const OPTIONS = {
  app: { timeout: "60s" },
  config: { revocation: { pollInterval: "200ms", maxStaleness: "1s" } },
};

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function signOut(stand: Stand, session: SignedIn): Promise<void> {
  const answer = await stand.send({
    method: "POST",
    target: "/auth/logout",
    headers: session.unsafe,
  });
  assert.equal(answer.status, 204);
}

onEachRuntime("requests that take long", OPTIONS, async (stand, step) => {
  await step("a question that the upstream holds open is not answered any more", async () => {
    const bob = await stand.signIn("bob");
    let hasLeft = false;
    stand.upstream.answer((_request, socket) => {
      socket.on("close", () => hasLeft = true);
      return null;
    });
    const wire = await stand.open();
    wire.send(stand.bytes({ target: "/poll", headers: [bob.bearer] }));
    await until(() => stand.upstream.seen.some(({ target }) => target === "/poll"), "it is there");
    await signOut(stand, bob);
    const answer = await wire.next();
    assert.equal(answer.status, 401, answer.raw);
    assert.equal(JSON.parse(answer.text).code, "session_revoked");
    await until(() => hasLeft, "the upstream is told");
    wire.hangUp();
  });

  await step("an upload that goes on ends, and the upstream hears no more of it", async () => {
    const bob = await stand.signIn("bob");
    let hasLeft = false;
    stand.upstream.answer((_request, socket) => {
      socket.on("close", () => hasLeft = true);
      return null;
    });
    const wire = await stand.open();
    wire.send(stand.bytes({
      method: "POST",
      target: "/upload",
      headers: [bob.bearer, "Transfer-Encoding: chunked"],
      body: "3\r\nabc\r\n",
    }));
    const beat = setInterval(() => wire.send("3\r\nabc\r\n"), 50);
    try {
      await until(() => stand.upstream.seen.some(({ target }) => target === "/upload"), "it began");
      await signOut(stand, bob);
      await until(() => hasLeft, "the upstream is told");
    } finally {
      clearInterval(beat);
      wire.hangUp();
    }
  });

  await step("one whose session stands takes its time", async () => {
    const bob = await stand.signIn("bob");
    stand.upstream.answer(async () => {
      await wait(2_500);
      return plain("late");
    });
    assert.equal((await stand.get("/slow", [bob.bearer])).text, "late");
  });
});

onEachRuntime("requests over HTTP/2 that take long", OPTIONS, async (stand, step) => {
  await step("a body that comes after the session has ended is not forwarded", async () => {
    const bob = await stand.signIn("bob");
    const client = connect(`http://127.0.0.1:${stand.port}`);
    client.on("error", () => {});
    let status = 0;
    const stream = client.request({
      ":method": "POST",
      ":path": "/late",
      ":authority": HOST,
      authorization: `Bearer ${bob.access}`,
    });
    stream.on("response", (headers) => status = Number(headers[":status"]));
    stream.on("error", () => {});
    stream.resume();
    await wait(200);
    await signOut(stand, bob);
    stream.end("late");
    await until(() => status !== 0, "there is an answer");
    assert.equal(status, 401);
    assert.ok(stand.upstream.seen.every(({ target }) => target !== "/late"));
    client.destroy();
  });

  await step("who is turned away hears so before a body that never comes", async () => {
    const client = connect(`http://127.0.0.1:${stand.port}`);
    client.on("error", () => {});
    let status = 0;
    const stream = client.request({ ":method": "POST", ":path": "/late", ":authority": HOST });
    stream.on("response", (headers) => status = Number(headers[":status"]));
    stream.on("error", () => {});
    stream.resume();
    await until(() => status === 401, "turned away");
    client.destroy();
  });

  await step("a body without a length arrives, with a Host beside the authority too", async () => {
    stand.upstream.answer(() => {});
    const client = connect(`http://127.0.0.1:${stand.port}`);
    client.on("error", () => {});
    for (const method of ["POST", "DELETE", "PROPFIND"]) {
      const stream = client.request({
        ":method": method,
        ":path": `/public/${method}`,
        ":authority": HOST,
        host: HOST,
      }, { endStream: false });
      let status = 0;
      stream.on("response", (headers) => status = Number(headers[":status"]));
      stream.on("error", () => {});
      stream.resume();
      stream.end("the body");
      await until(() => status !== 0, "there is an answer");
      const seen = stand.upstream.last();
      assert.equal(
        `${seen.method} ${seen.target} ${seen.body}`,
        `${method} /public/${method} the body`,
      );
    }
    client.destroy();
  });
}, [denoHarness]);
