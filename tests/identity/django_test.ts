import assert from "node:assert/strict";
import { createRecheck } from "../../src/identity/recheck.ts";
import { createUpstreamIdentity } from "../../src/identity/upstream.ts";
import { type Django, startDjango, USERS } from "../support/django.ts";

const LIMITS = { timeoutMs: 30_000, maxBytes: 65_536 };
const context = { requestId: "req-1", signal: new AbortController().signal };

/** As the configuration of a team with SimpleJWT would say it. */
function simpleJwt(django: Django) {
  return createUpstreamIdentity({
    ...LIMITS,
    url: `${django.url}/api/token/`,
    format: "json",
    usernameField: "username",
    passwordField: "password",
    token: "/access",
    subject: "/user_id",
    claims: { scope: "/scope", username: "/username", token_type: "/token_type", jti: "/jti" },
  }, { fetch });
}

/** As the configuration of a team with a login endpoint of its own would say it. */
function plainLogin(django: Django, format: "json" | "form" = "json") {
  return createUpstreamIdentity({
    ...LIMITS,
    url: `${django.url}/api/login/`,
    format,
    usernameField: "username",
    passwordField: "password",
    subject: "/user/id",
    claims: { scope: "/user/permissions", username: "/user/username" },
  }, { fetch });
}

Deno.test("an unchanged SimpleJWT login is an identity source", async () => {
  await using django = await startDjango({ mode: "native", tokenClaims: true });
  const identity = simpleJwt(django);
  assert.deepEqual(await identity.authenticate(USERS.bob, context), {
    kind: "accepted",
    subject: "2",
    claims: { scope: "auth.view_user", username: "bob" },
  });
  const ada = await identity.authenticate(USERS.ada, context);
  assert.ok(ada.kind === "accepted");
  assert.equal(ada.subject, "1");
  assert.match(String(ada.claims["scope"]), /^admin\.add_logentry .*auth\.delete_user/);
});

Deno.test("SimpleJWT's refusals read as a wrong password", async () => {
  await using django = await startDjango({ mode: "native" });
  await django.users([{ username: "eve", password: "x", active: false }]);
  const refused = [
    { username: "ada", password: "wrong" },
    { username: "nobody", password: "x" },
    { username: "eve", password: "x" },
    { username: "", password: "" },
    { username: "ada", password: "" },
    { username: "ada\u0000", password: USERS.ada.password },
  ];
  for (const credentials of refused) {
    const outcome = await simpleJwt(django).authenticate(credentials, context);
    assert.deepEqual(outcome, { kind: "rejected" }, JSON.stringify(credentials));
  }
});

Deno.test("SimpleJWT takes the same credentials as a form", async () => {
  await using django = await startDjango({ mode: "native" });
  const password = "ü & = ? % + 🔑";
  const ids = await django.users([{ username: "zoë@example.com", password }]);
  const identity = createUpstreamIdentity({
    ...LIMITS,
    url: `${django.url}/api/token/`,
    format: "form",
    usernameField: "username",
    passwordField: "password",
    token: "/access",
    subject: "/user_id",
    claims: {},
  }, { fetch });
  assert.deepEqual(
    await identity.authenticate({ username: "zoë@example.com", password }, context),
    { kind: "accepted", subject: String(ids["zoë@example.com"]), claims: {} },
  );
});

Deno.test("a login endpoint of the plain kind is an identity source", async () => {
  await using django = await startDjango({ mode: "native" });
  assert.deepEqual(await plainLogin(django).authenticate(USERS.bob, context), {
    kind: "accepted",
    subject: "2",
    claims: { scope: "auth.view_user", username: "bob" },
  });
  const wrong = { username: "bob", password: "wrong" };
  assert.deepEqual(await plainLogin(django).authenticate(wrong, context), { kind: "rejected" });
});

Deno.test("Django learns the password once, in the body of the login, and nowhere else", async () => {
  await using django = await startDjango({ mode: "native" });
  await simpleJwt(django).authenticate(USERS.ada, context);
  const recorded = await django.recorded();
  assert.equal(recorded.length, 1);
  const [login] = recorded;
  assert.ok(login);
  assert.equal(login.target, "/api/token/");
  assert.deepEqual(JSON.parse(new TextDecoder().decode(login.body)), {
    username: "ada",
    password: "correct horse",
  });
  assert.equal(login.everything.split("correct horse").length, 2);
  // Django reads no body without a length: a chunked login would arrive empty.
  assert.ok(login.meta["HTTP_TRANSFER_ENCODING"] === undefined);
});

Deno.test("a login that answers with a page is unavailable, not a wrong password", async () => {
  await using django = await startDjango({ mode: "native" });
  const ask = (path: string) =>
    createUpstreamIdentity({
      ...LIMITS,
      url: `${django.url}${path}`,
      format: "json",
      usernameField: "username",
      passwordField: "password",
      subject: "/user/id",
      claims: {},
    }, { fetch }).authenticate(USERS.ada, context);
  // No such page; a redirect to the page with the slash.
  for (const path of ["/nowhere/", "/api/token"]) {
    assert.equal((await ask(path)).kind, "unavailable", path);
  }
  // 200, JSON, but no subject in it.
  assert.deepEqual(await ask("/public/"), {
    kind: "unavailable",
    reason: "login endpoint: the answer holds no usable subject",
  });
});

Deno.test("a disabled and a deleted user are refused at the recheck, with fresh claims until then", async () => {
  await using django = await startDjango({ mode: "native" });
  const recheck = createRecheck({
    ...LIMITS,
    url: `${django.url}/recheck/`,
    claims: { scope: "/permissions" },
  }, { fetch });
  const welcome = (scope: string) => ({ kind: "welcome", claims: { scope } });
  assert.deepEqual(await recheck("2", context), welcome("auth.view_user"));
  await django.users([{ username: "bob", permissions: ["auth.add_user", "auth.view_user"] }]);
  assert.deepEqual(await recheck("2", context), welcome("auth.add_user auth.view_user"));
  await django.users([{ username: "bob", active: false }]);
  assert.deepEqual(await recheck("2", context), { kind: "refused" });
  await django.users([{ username: "bob", active: true }]);
  assert.deepEqual(await recheck("2", context), welcome("auth.add_user auth.view_user"));
  await django.users([{ username: "bob", deleted: true }]);
  assert.deepEqual(await recheck("2", context), { kind: "refused" });
  await django.stop();
  assert.equal((await recheck("1", context)).kind, "unavailable");
});
