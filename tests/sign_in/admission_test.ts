/**
 * Who may in, and as whom.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { createAdmit } from "../../src/sign_in/admission.ts";
import type { AdmissionOptions } from "../../src/sign_in/admission.ts";

const OPTIONS: AdmissionOptions = {
  source: "work",
  prefixesSubject: false,
  subject: "/sub",
  claims: { name: "/name" },
  groups: "/groups",
  scopeFromGroups: null,
  allow: null,
  verifiesEmail: false,
  keepsContext: false,
};
const ADA = { sub: "ada", name: "Ada", email: "Ada@Example.com", email_verified: true };

const admit = (
  changed: Partial<AdmissionOptions>,
  claims: Parameters<ReturnType<typeof createAdmit>>[0],
) => {
  const outcome = createAdmit({ ...OPTIONS, ...changed })(claims);
  return outcome.kind === "refused" ? outcome.code : outcome;
};

Deno.test("without rules everybody whom the provider vouches for comes in", () => {
  assert.deepEqual(admit({}, ADA), { kind: "admitted", subject: "ada", claims: { name: "Ada" } });
});

Deno.test("with more than one source a subject says where it comes from", () => {
  const outcome = admit({ prefixesSubject: true }, ADA);
  assert.equal(typeof outcome === "object" && outcome.subject, "work|ada");
  assert.equal(admit({ prefixesSubject: true }, { sub: "a".repeat(255) }), "subject_unusable");
});

Deno.test("a domain is what follows the one and only @ of a verified address", () => {
  const allow = { allow: { domains: ["example.com"] } };
  assert.equal(typeof admit(allow, ADA), "object");
  assert.equal(admit(allow, { ...ADA, email_verified: false }), "email_unverified");
  assert.equal(admit(allow, { ...ADA, email_verified: undefined as never }), "email_unverified");
  assert.equal(typeof admit(allow, { ...ADA, email_verified: "true" }), "object");
  assert.equal(
    typeof admit({ ...allow, verifiesEmail: true }, { sub: "ada", email: "ada@example.com" }),
    "object",
  );
  // Whoever says nothing vouches for all; whoever says no has said so.
  for (const email_verified of [false, "false", null, 0]) {
    const claims = { sub: "ada", email: "ada@example.com", email_verified };
    assert.equal(admit({ ...allow, verifiesEmail: true }, claims), "email_unverified");
  }
  for (
    const email of [
      "ada@evil.test@example.com",
      "ada@example.com@evil.test",
      "@example.com",
      "ada@",
      "ada",
      "ada@example.com\n",
      "ada@example.com ",
      "ada@ex\u0430mple.com",
      "<x@example.com",
      "ada@sub.example.com",
      "ada@notexample.com",
      "ada@example.com.evil.test",
      42,
      ["ada@example.com"],
      null,
    ]
  ) {
    const outcome = admit(allow, { ...ADA, email });
    const isLocalPartOnly = email === "<x@example.com";
    assert.equal(typeof outcome, isLocalPartOnly ? "object" : "string", String(email));
  }
});

Deno.test("nobody is called by an address that is not verified", () => {
  const named = { subject: "/email" } as const;
  const { email_verified: _, ...silent } = ADA;
  assert.equal(typeof admit(named, ADA), "object");
  assert.equal(admit(named, { ...ADA, email_verified: false }), "email_unverified");
  assert.equal(admit(named, silent), "email_unverified");
  assert.equal(typeof admit({ ...named, verifiesEmail: true }, silent), "object");
  assert.equal(
    admit({ ...named, allow: { subjects: ["Ada@Example.com"] } }, silent),
    "email_unverified",
  );
});

Deno.test("no text but an address of the domain is let in by a domain rule", () => {
  const rule = createAdmit({ ...OPTIONS, allow: { domains: ["example.com"] } });
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      for (const email of [text, `${text}@example.com`, `a@${text}`, `a@${text}example.com`]) {
        const outcome = rule({ sub: "x", email, email_verified: true });
        if (outcome.kind === "refused") continue;
        assert.equal(email.split("@").length, 2);
        assert.equal(email.split("@")[1]?.toLowerCase(), "example.com");
      }
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("addresses and subjects are compared whole", () => {
  assert.equal(typeof admit({ allow: { emails: ["ada@example.com"] } }, ADA), "object");
  assert.equal(admit({ allow: { emails: ["eve@example.com"] } }, ADA), "not_allowed");
  assert.equal(typeof admit({ allow: { subjects: ["ada"] } }, { sub: "ada" }), "object");
  assert.equal(admit({ allow: { subjects: ["ada"] } }, { sub: "adam" }), "not_allowed");
  assert.equal(admit({ allow: { domains: ["example.com"] } }, { sub: "ada" }), "email_missing");
});

Deno.test("groups narrow what names let in, and give scopes", () => {
  const rules = {
    allow: { domains: ["example.com"], groups: ["staff", "eng"] },
    scopeFromGroups: { eng: ["admin", "read"], staff: ["read"] },
    claims: { scope: "/scp" },
  } as const;
  assert.equal(admit(rules, ADA), "not_allowed");
  const outcome = admit(rules, { ...ADA, groups: ["staff", "eng", 7, "unknown"], scp: "own read" });
  assert.deepEqual(typeof outcome === "object" && outcome.claims, { scope: "own read admin" });
  const none = admit({ scopeFromGroups: { eng: ["admin"] } }, ADA);
  assert.deepEqual(typeof none === "object" && none.claims, { name: "Ada", scope: "" });
});

Deno.test("groups named like parts of every object give nothing", () => {
  const outcome = admit({ scopeFromGroups: { eng: ["admin"] } }, {
    ...ADA,
    groups: ["constructor", "__proto__", "toString"],
  });
  assert.deepEqual(typeof outcome === "object" && outcome.claims.scope, "");
});

Deno.test("who is in so many groups that Entra leaves them out is not let in as one without", () => {
  const overage = [
    {
      ...ADA,
      _claim_names: { groups: "src1" },
      _claim_sources: { src1: { endpoint: "https://x" } },
    },
    { ...ADA, hasgroups: true },
  ];
  for (const claims of overage) {
    assert.equal(admit({ scopeFromGroups: { eng: ["admin"] } }, claims), "groups_overage");
    assert.equal(admit({ allow: { groups: ["eng"] } }, claims), "groups_overage");
    // Where nobody asks for groups nothing is missing.
    assert.equal(typeof admit({}, claims), "object");
  }
});

Deno.test("how and when somebody was authenticated is kept where routes ask for it", () => {
  const claims = { ...ADA, acr: "mfa", auth_time: 1_700_000_000 };
  const outcome = admit({ keepsContext: true, claims: {} }, claims);
  assert.deepEqual(typeof outcome === "object" && outcome.claims, {
    acr: "mfa",
    auth_time: 1_700_000_000,
  });
});
