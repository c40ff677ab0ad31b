/**
 * A one-time code moves a sign-in from one host to another: for the browser that asked,
 * once, and never for a browser that somebody else wants to be signed in as him.
 */
import assert from "node:assert/strict";
import { HOST, onEachRuntime } from "../../support/stand.ts";

const OTHER = "admin.example.com";

onEachRuntime("codes that hand a session to another host", {
  config: { origins: [`https://${OTHER}`], handover: true },
  routes: [{ path: "/*", upstream: "app" }],
}, async (stand, step) => {
  const attacker = await stand.signIn("bob");
  const hashOf = async (secret: string) => {
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret));
    return new Uint8Array(hash).toBase64({ alphabet: "base64url", omitPadding: true });
  };
  /** The link that the attacker's own browser gets for a state of his choice. */
  const codeFor = async (state: string) => {
    const query = new URLSearchParams({ to: `https://${OTHER}`, state });
    const given = await stand.get(`/auth/handover/give?${query}`, [attacker.cookies]);
    return /[?&]code=([^&]+)/.exec(given.get("location") ?? "")?.[1] ?? null;
  };
  const take = (code: string, headers: readonly string[] = []) =>
    stand.send({ host: OTHER, target: `/auth/handover/take?code=${code}`, headers });

  await step("the usual way works", async () => {
    const start = await stand.send({ host: OTHER, target: "/auth/login?return_to=/x" });
    assert.equal(start.status, 302, start.raw);
    const state = new URL(start.get("location") ?? "").searchParams.get("state") ?? "";
    const cookie = start.all("set-cookie").map((line) => line.split(";")[0]).join("; ");
    const code = await codeFor(state);
    assert.ok(code !== null);
    const taken = await take(code, [`Cookie: ${cookie}`]);
    assert.equal(taken.status, 302, taken.raw);
    assert.ok(taken.all("set-cookie").some((line) => /postern-access=./.test(line)));
    const again = await take(code, [`Cookie: ${cookie}`]);
    assert.ok(again.status >= 400, "a code is good once");
  });

  await step("nobody is signed in who did not ask, whatever state was chosen", async () => {
    for (
      const [secret, headers] of [
        ["", []],
        ["", ["Cookie: __Host-postern-handover=", "Cookie: a=1"]],
        ["x", ["Cookie: postern-handover=x.Lw"]],
        ["undefined", []],
        ["null", []],
      ] as const
    ) {
      const code = await codeFor(await hashOf(secret));
      if (code === null) continue;
      const answer = await take(code, headers);
      assert.ok(answer.status >= 400, `${JSON.stringify(secret)}: ${answer.raw}`);
      assert.deepEqual(answer.all("set-cookie").filter((line) => /access=./.test(line)), []);
    }
  });

  await step("a code goes to a host of ours alone, and is good there alone", async () => {
    for (
      const to of ["https://evil.example", `https://${OTHER}.evil.example`, `http://${OTHER}`]
        .concat([`https://${OTHER}@evil.example`, `https://${OTHER}:444`, "//evil.example", ""])
    ) {
      const query = new URLSearchParams({ to, state: await hashOf("s") });
      const given = await stand.get(`/auth/handover/give?${query}`, [attacker.cookies]);
      assert.ok(given.status >= 400, `${to}: ${given.raw}`);
    }
    const code = await codeFor(await hashOf("s"));
    const wrong = await stand.send({ host: HOST, target: `/auth/handover/take?code=${code}` });
    assert.ok(wrong.status >= 400, wrong.raw);
  });
});
