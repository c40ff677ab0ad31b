/** What a real process writes, from its first line to its last, is in the format that was asked for. */
import assert from "node:assert/strict";
import { startBackend } from "../support/backend.ts";
import { denoHarness, startGatewayProcess } from "../support/gateway_process.ts";
import { checkLogChain } from "../../src/runtime/deno/log_chain.ts";

type Line = Record<string, unknown>;

const FORMATS: Readonly<Record<string, { isOne(line: Line): boolean; name(line: Line): unknown }>> =
  {
    json: {
      isOne: (line) => typeof line["time"] === "string" && typeof line["event"] === "string",
      name: (line) => line["event"],
    },
    ecs: {
      isOne: (line) => typeof line["@timestamp"] === "string" && "ecs" in line,
      name: (line) => (line["event"] as Line)["action"],
    },
    ocsf: {
      isOne: (line) =>
        typeof line["class_uid"] === "number" &&
        line["type_uid"] === line["class_uid"] * 100 + Number(line["activity_id"]),
      name: (line) => (line["metadata"] as Line)["event_code"],
    },
  };

for (const [format, { isOne, name }] of Object.entries(FORMATS)) {
  Deno.test(`${format}: every line of a process, and one chain through all of them`, async () => {
    const backend = startBackend();
    const store = await denoHarness.store();
    const gateway = await startGatewayProcess({
      config: {
        identity: { kind: "upstream", url: `${backend.url}/login`, subject: "/user/id" },
        store: store.config,
        log: { format, access: true, chain: true },
        upstreams: { app: { targets: [backend.url] } },
        routes: [{ path: "/*", upstream: "app" }],
      },
    });
    try {
      for (const path of ["/api", "/auth/nothing"]) {
        await (await fetch(`http://127.0.0.1:${gateway.port}${path}`)).body?.cancel();
      }
      assert.equal(await gateway.stop(), 0);
      const text = gateway.logs().trim().split("\n");
      const lines = text.map((each): Line => JSON.parse(each));
      for (const line of lines) assert.ok(isOne(line), JSON.stringify(line));
      const names = lines.map(name);
      assert.equal(names[0], "listening");
      assert.equal(names.at(-1), "draining");
      assert.ok(names.includes("denied"));
      const chain = checkLogChain(text);
      assert.equal(chain.kind === "whole" && chain.lines, lines.length, JSON.stringify(chain));
    } finally {
      await gateway.stop();
      await store.stop();
      await backend.stop();
    }
  });
}
