import assert from "node:assert/strict";
import { createDemoIdentity } from "../../src/identity/demo.ts";

const context = { requestId: "test", signal: new AbortController().signal };

Deno.test("the demo user signs in with the demo password", async () => {
  const outcome = await createDemoIdentity().authenticate(
    { username: "demo", password: "postern" },
    context,
  );
  assert.deepEqual(outcome, {
    kind: "accepted",
    subject: "demo",
    claims: { scope: "read write", name: "Demo User" },
  });
});

Deno.test("anything but the exact name and password is rejected", async () => {
  const demo = createDemoIdentity();
  for (
    const [username, password] of [
      ["demo", ""],
      ["", "postern"],
      ["demo", "Postern"],
      ["demo", "postern "],
      ["demop", "ostern"],
      ["Demo", "postern"],
      ["postern", "demo"],
    ] as const
  ) {
    assert.deepEqual(await demo.authenticate({ username, password }, context), {
      kind: "rejected",
    });
  }
});

Deno.test("each of several users signs in as themselves", async () => {
  const demo = createDemoIdentity([
    { username: "a", password: "1", subject: "s-a", claims: {} },
    { username: "b", password: "2", subject: "s-b", claims: { scope: "x" } },
  ]);
  const subjects = await Promise.all(
    [["a", "1"], ["b", "2"], ["a", "2"]].map(async ([username = "", password = ""]) => {
      const outcome = await demo.authenticate({ username, password }, context);
      return outcome.kind === "accepted" ? outcome.subject : outcome.kind;
    }),
  );
  assert.deepEqual(subjects, ["s-a", "s-b", "rejected"]);
});
