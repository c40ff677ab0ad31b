/**
 * The same modules for a relying party that is not ours: Debian's Apache with
 * mod_auth_openidc. What it refuses, ours must refuse too, or there is a reason.
 */
import assert from "node:assert/strict";
import { startApacheRelyingParty } from "../../support/apache_oidc.ts";
import { createBrowserless } from "../../support/browserless.ts";
import { startEvilProvider } from "../../support/evil_provider.ts";
import { report } from "../../support/report.ts";
import { modules } from "./modules.ts";
import { SECRET } from "./support.ts";

/** Where the two differ, and why that is right. */
const REASONS: Readonly<Record<string, string>> = {
  "oidcc-client-test-kid-absent-multiple-jwks": "the plan allows both; it tries each key",
  "oidcc-client-test-idtoken-sig-none": "behind TLS Core 3.1.3.7 lets it; ours never does",
  "remove-authorization-response-iss": "it does not know RFC 9207",
  "invalid-secondary-aud": "it takes any further audience without azp",
};

Deno.test("a second, independent relying party accepts and refuses as ours does", async () => {
  const rows: string[] = [];
  const unexplained: string[] = [];
  for (const { name, expected, spoiling = {}, settings, run } of modules) {
    // Those that are about settings or steps of ours have no counterpart.
    if (settings !== undefined || run !== undefined) continue;
    const evil = await startEvilProvider(
      typeof spoiling === "function" ? await spoiling() : spoiling,
    );
    const apache = await startApacheRelyingParty({
      issuer: evil.issuer,
      clientId: "postern",
      clientSecret: SECRET,
    });
    try {
      const page = await createBrowserless().go(`${apache.url}/hello`).catch(() => null);
      const theirs = page?.text === "hello" ? "accept" : "refuse";
      const reason = theirs === expected ? "" : REASONS[name] ?? "?";
      if (reason === "?") unexplained.push(`${name}: ours ${expected}, theirs ${theirs}`);
      rows.push(`${expected}  ${theirs}  ${name.padEnd(64)} ${reason}`);
    } finally {
      await apache.stop();
      await evil.stop();
    }
  }
  report(["", "ours    theirs", ...rows, ""].join("\n"));
  assert.deepEqual(unexplained, []);
});
