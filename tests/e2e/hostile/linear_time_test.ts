/**
 * No request holds the event loop: what a client writes is read in time that
 * grows with its length. Measured in CPU time of the gateway's process against a
 * harmless request of the same length, so that a busy machine does not matter.
 */
import assert from "node:assert/strict";
import { report } from "../../support/report.ts";
import { onEachRuntime } from "../../support/stand.ts";

/** CPU seconds that a process has used, in hundredths. */
async function cpuTicks(pid: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

const LONG = 15_000;
const HEADER = 60_000;
const TIMES = 12;

const fill = (pattern: string, length: number) =>
  pattern.repeat(Math.ceil(length / pattern.length)).slice(0, length);

onEachRuntime("long hostile input", {}, async (stand, step) => {
  const bob = await stand.signIn("bob");
  const cost = async (request: Parameters<typeof stand.send>[0]): Promise<number> => {
    const before = await cpuTicks(stand.gateway.pid());
    for (let count = 0; count < TIMES; count++) await stand.send(request, 60_000);
    return await cpuTicks(stand.gateway.pid()) - before;
  };
  const harmless = Math.max(
    await cost({ target: `/A${fill("a", LONG)}x` }),
    await cost({ target: "/public/x", headers: [`X-A: ${fill("a", HEADER)}`] }),
    await cost({ target: "/public/x", headers: [`Cookie: ${fill("a=b; ", HEADER)}`] }),
    await cost({ target: "/x", headers: [bob.bearer] }),
  );

  async function linear(requests: Readonly<Record<string, Parameters<typeof stand.send>[0]>>) {
    const slow: string[] = [];
    for (const [name, request] of Object.entries(requests)) {
      const ticks = await cost(request);
      // What was quadratic took some fifty times as long.
      if (ticks > Math.max(10 * harmless, 60)) slow.push(`${name}: ${ticks * 10 / TIMES} ms each`);
    }
    report(`harmless: ${(harmless * 10 / TIMES).toFixed(1)} ms of CPU a request`);
    assert.deepEqual(slow, []);
  }

  const path = (pattern: string, end = "x") => ({ target: `/A${fill(pattern, LONG)}${end}` });
  await step("in a path", () =>
    linear(Object.fromEntries(
      [".", "/", " .", "%20", "%2e", "./", "../", ";", ";a", "%3B", "%25", "%2525", "a.", "..;/"]
        .concat(["%C3%A9", "%EF%BC%8F", "=", "@", "%41", "\\", "~/", "A/"])
        .map((pattern) => [pattern, path(pattern)]),
    )));

  await step("in a query", () =>
    linear(Object.fromEntries(
      ["eyJ", "eyJ.", "eyJhbGciOi.", ".", "=", "&", "%25", "a=eyJ&", "%65%79%4A", "eyJ.eyJ.eyJ."]
        .map((pattern) => [pattern, { target: `/public/x?${fill(pattern, LONG)}` }]),
    )));

  await step("in a header", () =>
    linear(Object.fromEntries(
      ["eyJ", "eyJ.", ".", "eyJhbGciOiJFZERTQSJ9.", "Bearer ", ",", ", ", '"', '\\"', "=", "%25"]
        .flatMap((pattern) =>
          [
            "X-A",
            "Referer",
            "Authorization",
            "User-Agent",
            "Forwarded",
            "X-Forwarded-For",
            "Origin",
          ]
            .concat(["Sec-WebSocket-Protocol", "Traceparent", "Accept", "Accept-Language", "DPoP"])
            .slice(0, pattern.startsWith("eyJ") ? 4 : 12)
            .map((name) => [
              `${name} ${pattern}`,
              { target: "/public/x", headers: [`${name}: ${fill(pattern, HEADER)}`] },
            ])
        ),
    )));

  await step("in cookies", () =>
    linear(Object.fromEntries(
      ["eyJ", ";", "; ", "=", " ", "\t", "a=; ", "__Host-postern-access", '"', "postern-access=; "]
        .map((pattern) => [pattern, {
          target: "/x",
          headers: [`Cookie: ${fill(pattern, HEADER)}`],
        }]),
    )));

  await step("in a token", () =>
    linear(Object.fromEntries(
      ["a", ".", "eyJ", "A.", "=", "-_"].map((pattern) => [pattern, {
        target: "/x",
        headers: [`Authorization: Bearer ${fill(pattern, HEADER)}`],
      }]),
    )));

  await step("in a body of our own endpoints", () =>
    linear(Object.fromEntries(
      ["[", '{"a":', " ", "username=a&", "%25", "\\u0000", "é"].flatMap((pattern) =>
        ["application/json", "application/x-www-form-urlencoded"].map((type) => [
          `${type} ${pattern}`,
          {
            method: "POST",
            target: "/api/token/",
            headers: [`Content-Type: ${type}`],
            body: fill(pattern, HEADER),
          },
        ])
      ),
    )));

  await step("in a return path", () =>
    linear(Object.fromEntries(
      ["/", ".", "\\", "%2f", "%5c", "@", ";", " "].map((pattern) => [pattern, {
        target: `/auth/login?return_to=/${fill(pattern, LONG)}`,
        headers: ["Accept: text/html"],
      }]),
    )));
});
