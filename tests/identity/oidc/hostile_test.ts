/** What a provider says is taken for no more than it says, however it is put together. */
import assert from "node:assert/strict";
import type { OidcProvider } from "../../../src/identity/oidc/port.ts";
import { startEvilProvider } from "../../support/evil_provider.ts";
import type { EvilProvider, Spoiling } from "../../support/evil_provider.ts";
import { clientOf, context, question } from "./support.ts";

async function withProvider(
  spoiling: Spoiling,
  wanted: readonly `/${string}`[],
  act: (signIn: () => ReturnType<OidcProvider["exchange"]>, evil: EvilProvider) => Promise<void>,
): Promise<void> {
  const evil = await startEvilProvider(spoiling);
  try {
    const ours = await clientOf(evil.issuer, { wanted });
    await act(async () => {
      const asked = question();
      const authorized = await ours.authorize(asked, context);
      assert.ok(authorized.kind === "redirect");
      const back = await fetch(authorized.url, { redirect: "manual" });
      await back.body?.cancel();
      const callback = new URL(back.headers.get("location") ?? "").searchParams;
      return await ours.exchange({ ...asked, callback }, context);
    }, evil);
  } finally {
    await evil.stop();
  }
}

Deno.test("what UserInfo says of one address is not said of another in the ID token", async () => {
  const userInfo = (claims: object) => ({
    ...claims,
    email: "mallory@example.com",
    groups: ["eng"],
  });
  await withProvider({ userInfo }, ["/groups"], async (signIn, evil) => {
    const claimsOf = async (email?: string) => {
      evil.spoiling.claims = (claims) => (email === undefined ? claims : { ...claims, email });
      const outcome = await signIn();
      assert.ok(outcome.kind === "proven", JSON.stringify(outcome));
      return [outcome.claims.email, outcome.claims.email_verified];
    };
    assert.deepEqual(await claimsOf("ada@example.com"), ["ada@example.com", undefined]);
    assert.deepEqual(await claimsOf("mallory@example.com"), ["mallory@example.com", true]);
    assert.deepEqual(await claimsOf(), ["mallory@example.com", true]);
  });
});

Deno.test("of the sign-in itself UserInfo says nothing: no context, no time, no session", async () => {
  const said = { acr: "high", amr: ["hwk"], auth_time: 9e9, sid: "somebody's", iss: "x", aud: "x" };
  const userInfo = (claims: object) => ({ ...claims, ...said, groups: ["eng"] });
  await withProvider({ userInfo }, ["/groups"], async (signIn, evil) => {
    const outcome = await signIn();
    assert.ok(outcome.kind === "proven", JSON.stringify(outcome));
    const { claims } = outcome;
    assert.deepEqual(claims.groups, ["eng"]);
    assert.deepEqual([claims.iss, claims.aud], [evil.issuer, "postern"]);
    for (const name of ["acr", "amr", "auth_time", "sid"]) {
      assert.equal(claims[name], undefined, name);
    }
  });
});

Deno.test("an ID token that another client was given is none of ours, though it is meant for us", async () => {
  await withProvider({}, [], async (signIn, evil) => {
    for (
      const [more, kind] of [
        [{ azp: "postern" }, "proven"],
        [{ azp: "other" }, "untrusted"],
        [{ aud: ["postern"], azp: "other" }, "untrusted"],
        [{ azp: ["postern"] }, "untrusted"],
        [{ azp: null }, "untrusted"],
      ] as const
    ) {
      evil.spoiling.claims = (claims) => ({ ...claims, ...more });
      assert.equal((await signIn()).kind, kind, JSON.stringify(more));
    }
  });
});
