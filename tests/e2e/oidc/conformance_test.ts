/**
 * The modules of the official relying-party plans, one sign-in each. Run it by itself to
 * see the table.
 */
import assert from "node:assert/strict";
import { startEvilProvider } from "../../support/evil_provider.ts";
import { startGateway } from "../../support/gateway.ts";
import { report } from "../../support/report.ts";
import { startUpstream } from "../../support/upstream.ts";
import { modules, signIn } from "./modules.ts";
import { SECRET } from "./support.ts";

const rows: string[] = [];

for (const { plan, name, expected, spoiling = {}, settings = {}, run = signIn } of modules) {
  Deno.test(`${name}: ${expected}`, async () => {
    const evil = await startEvilProvider(
      typeof spoiling === "function" ? await spoiling() : spoiling,
    );
    const app = startUpstream();
    const gateway = await startGateway({
      upstream: app.url,
      secrets: () => SECRET,
      config: {
        identity: undefined,
        providers: {
          work: {
            issuer: evil.issuer,
            clientId: "postern",
            clientSecret: { env: "WORK_SECRET" },
            ...settings,
          },
        },
      },
    });
    try {
      const found = await run({ evil, gateway });
      rows.push(`${found.padEnd(7)} ${name.padEnd(64)} ${plan}`);
      assert.equal(found, expected);
      const query = { subject: "ada", after: null, limit: 10 };
      const { sessions } = await gateway.store.listSessions(query);
      assert.equal(sessions.length > 0, expected === "accept");
    } finally {
      await gateway.stop();
      await app.stop();
      await evil.stop();
    }
  });
}

Deno.test("the table of all modules", () => {
  assert.equal(rows.length, modules.length);
  report(["", ...rows, ""].join("\n"));
});
