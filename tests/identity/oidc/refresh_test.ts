/**
 * The modules of oidcc-client-refreshtoken-test-plan, against a provider that lies.
 */
import assert from "node:assert/strict";
import { startEvilProvider } from "../../support/evil_provider.ts";
import type { Spoiling } from "../../support/evil_provider.ts";
import { report } from "../../support/report.ts";
import { clientOf, context } from "./support.ts";

const modules: readonly (readonly [string, "accept" | "refuse", Spoiling])[] = [
  ["refresh-token", "accept", {}],
  ["refresh-token (no ID token)", "accept", { token: ({ id_token: _, ...body }) => body }],
  ["refresh-token-invalid-issuer", "refuse", {
    claims: (claims) => ({ ...claims, iss: "https://evil.test" }),
  }],
  ["refresh-token-invalid-sub", "refuse", { claims: (claims) => ({ ...claims, sub: "eve" }) }],
  ["refresh-token (aud of another client)", "refuse", {
    claims: (claims) => ({ ...claims, aud: "somebody else" }),
  }],
];

for (const [name, expected, spoiling] of modules) {
  Deno.test(`oidcc-client-test-${name}: ${expected}`, async () => {
    const evil = await startEvilProvider(spoiling);
    try {
      const ours = await clientOf(evil.issuer);
      const outcome = await ours.refresh("a refresh token", "ada", context);
      const found = outcome.kind === "welcome" ? "accept" : "refuse";
      report(`${found} oidcc-client-test-${name} (oidcc-client-refreshtoken-test-plan)`);
      assert.equal(found, expected, JSON.stringify(outcome));
    } finally {
      await evil.stop();
    }
  });
}

Deno.test("an outage in the middle does not lose the next refresh token", async () => {
  const evil = await startEvilProvider({
    token: ({ id_token: _, ...body }) => ({ ...body, refresh_token: "the next one" }),
    userInfo: () => Promise.resolve(new Response("down", { status: 503 })),
  });
  try {
    const ours = await clientOf(evil.issuer, { wanted: ["/email"] });
    const outcome = await ours.refresh("a refresh token", "ada", context);
    assert.deepEqual(outcome, { kind: "welcome", claims: null, refreshToken: "the next one" });
  } finally {
    await evil.stop();
  }
});
