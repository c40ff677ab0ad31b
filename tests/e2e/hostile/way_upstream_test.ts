/**
 * Everything that goes to an upstream passes one filter: no credential of ours,
 * no identity from outside, nothing that changes method, URL or client.
 */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { onEachRuntime } from "../../support/stand.ts";

const KEY = "the signing key of the old Django, long enough to be one";

/** A token as SimpleJWT signs it: no issuer, the user's id as a number. */
function legacyToken(type: "access" | "refresh"): string {
  const part = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value))
      .toBase64({ alphabet: "base64url", omitPadding: true });
  const now = Math.floor(Date.now() / 1000);
  const claims = { token_type: type, exp: now + 3600, iat: now, jti: "a1b2c3", user_id: 7 };
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${createHmac("sha256", KEY).update(text).digest("base64url")}`;
}

const HANDSHAKE = [
  ...["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

onEachRuntime("what reaches an upstream", {
  config: {
    tokens: { legacy: {} },
  },
  env: { POSTERN_LEGACY_KEY: KEY },
}, async (stand, step) => {
  const bob = await stand.signIn("bob");
  let mark = 0;
  const forget = () => {
    stand.upstream.forget();
    mark = stand.gateway.logs().length;
  };

  /** Nothing secret has reached the upstream, not even its signature alone, nor the log. */
  function leaks(secrets: readonly string[]): string[] {
    const arrived = stand.upstream.everything();
    const logged = stand.gateway.logs().slice(mark);
    return secrets.flatMap((secret) => {
      const signature = secret.split(".").at(-1) ?? "";
      const forms = [secret, encodeURIComponent(secret), btoa(secret), signature];
      return [
        ...(forms.some((form) => arrived.includes(form)) ? ["arrived"] : []),
        ...(forms.some((form) => logged.includes(form)) ? ["logged"] : []),
      ];
    });
  }

  await step("no token stands in a subprotocol, on an open or a protected route", async () => {
    for (const target of ["/public/ws", "/x/ws"]) {
      for (const token of [bob.access, bob.refresh]) {
        for (
          const offer of [
            `bearer, ${token}`,
            `chat.v1,${token}`,
            `${token}`,
            `base64url.bearer.authorization.${btoa(token).replace(/=+$/, "")}`,
            `access_token.${token}`,
            `${token}, chat.v1`,
          ]
        ) {
          forget();
          const wire = await stand.open();
          wire.send(stand.bytes({
            target,
            headers: [
              ...HANDSHAKE,
              bob.cookie,
              "Origin: https://app.example.com",
              `Sec-WebSocket-Protocol: ${offer}`,
            ],
          }));
          await wire.next({ limitMs: 3_000 });
          wire.hangUp();
          assert.deepEqual(leaks([bob.access, bob.refresh]), [], `${target} ${offer.slice(0, 20)}`);
        }
      }
    }
  });

  await step("a subprotocol without a token passes beside one with it", async () => {
    stand.upstream.forget();
    const wire = await stand.open();
    wire.send(stand.bytes({
      target: "/public/ws",
      headers: [...HANDSHAKE, `Sec-WebSocket-Protocol: chat.v1, ${bob.access}`],
    }));
    await wire.next({ limitMs: 3_000 });
    wire.hangUp();
    const [seen] = stand.upstream.seen;
    if (seen !== undefined) assert.equal(seen.get("sec-websocket-protocol"), "chat.v1");
  });

  /** Where a client may have put a token, whatever for. */
  const places = (token: string, own: readonly string[]) => {
    const safe = encodeURIComponent(token);
    const beside = own.length === 0 ? "" : `${own[0]?.slice("Cookie: ".length)}; `;
    return [
      ...[`x/${token}`, `x/${token}/b`, `x;t=${token}`, `x?t=${token}`, `x?a=1&t=${safe}&b=2`]
        .concat([`x?${token}`, `x?csrf_token=${safe}`, `x?a[]=${token}#`, `x?q=%22${token}%22`])
        .map((rest) => ({ rest, headers: own })),
      ...[`X-Token: ${token}`, `X-Token: a,${token},b`, `X-Token: {"t":"${token}"}`]
        .concat([`X-CSRF-Token: ${token}`, `X-CSRFToken: ${token}`, `Authenticity-Token: ${token}`])
        .concat([`Referer: https://app.example.com/x?t=${token}`, `User-Agent: x ${token}`])
        .concat([`Referer: https://app.example.com/x?t=${safe}`, `X-Token: ${safe}`])
        .concat([`Proxy-Authorization: Bearer ${token}`, `Authorization: Digest a="${token}"`])
        .map((line) => ({ rest: "x", headers: [...own, line] })),
      ...[
        `mine=${token}`,
        `mine=${safe}; b=1`,
        `mine="${token}"`,
        `b=1; ${token}`,
        `mine=a|${token}`,
      ]
        .map((cookie) => ({ rest: "x", headers: [`Cookie: ${beside}${cookie}`] })),
    ];
  };

  async function leaksOf(
    prefix: string,
    token: string,
    own: readonly string[],
  ): Promise<string[]> {
    const problems: string[] = [];
    for (const { rest, headers } of places(token, own)) {
      forget();
      await stand.get(`${prefix}${rest}`, headers);
      // The log is written a moment later.
      const shown = `${prefix}${rest} ${headers.filter((line) => !own.includes(line))}`;
      for (const leak of leaks([token])) {
        problems.push(
          `${
            shown.replaceAll(token, "«token»").replaceAll(encodeURIComponent(token), "«safe»")
          } ${leak}`,
        );
      }
    }
    return problems;
  }

  await step(
    "no token stands in a path, a query, a header or a cookie on an open route",
    async () => {
      for (
        const token of [bob.access, bob.refresh, legacyToken("access"), legacyToken("refresh")]
      ) {
        assert.deepEqual(await leaksOf("/public/", token, []), []);
      }
    },
  );

  await step("nor, with the CSRF value of the session, on a protected one", async () => {
    for (const token of [bob.refresh, bob.csrf, legacyToken("refresh")]) {
      assert.deepEqual(await leaksOf("/y/", token, [bob.cookie]), []);
    }
  });

  await step("the log as a whole holds no token", () => {
    const log = stand.gateway.logs();
    for (const token of [bob.access, bob.refresh, bob.csrf]) {
      assert.ok(!log.includes(token.split(".").at(-1) ?? ""));
    }
    assert.ok(!log.includes("eyJhbGciOi"));
    return Promise.resolve();
  });

  await step("nothing that folds to X-Auth-* passes, on open and protected routes", async () => {
    const names = ["X-Auth-Subject", "X-Auth-Session", "X-Auth-Scope", "X-Auth-Assertion"]
      .concat(["X-Auth-Roles", "X-Auth-User", "X-Auth-Email", "x_auth_groups", "X.Auth.Roles"])
      .concat(["X~Auth~Subject", "X+Auth+Scope", "X!Auth!Subject", "X'Auth'Roles", "x|auth|x"])
      .concat(["X_Auth-Subject", "X-Auth_Subject", "X#Auth#Subject", "X$Auth$User", "X%Auth%User"])
      .concat(["X&Auth&User", "X*Auth*User", "X^Auth^User", "X`Auth`User", "X--Auth--Subject"])
      .concat([
        "XAuthSubject",
        "X-AuthSubject",
        "XAuth-Subject",
        "x-auth-",
        "X_-Auth-Ab",
      ]);
    const through: string[] = [];
    for (const target of ["/public/x", "/x"]) {
      for (const name of names) {
        stand.upstream.forget();
        await stand.get(target, [bob.bearer, `${name}: mallory`]);
        if (stand.upstream.everything().includes("mallory")) {
          // Letters and digits alone: "XAuthSubject" is another header to everybody.
          if (
            /[^A-Za-z0-9]/.test(name) && /^x-auth-/i.test(name.replace(/[^a-z0-9]+/gi, "-"))
          ) {
            through.push(`${target} ${name}`);
          }
        }
      }
    }
    assert.deepEqual(through, []);
  });

  await step("header names that are not letters, digits and hyphens stay behind", async () => {
    stand.upstream.forget();
    await stand.get("/public/x", [
      "X_A: 1",
      "X.B: 1",
      "X~C: 1",
      "X!D: 1",
      "X-E: kept",
      "XF9: kept",
    ]);
    const names = stand.upstream.last().headers.map(([name]) => name);
    assert.ok(names.includes("x-e") && names.includes("xf9"));
    assert.deepEqual(names.filter((name) => /[^a-z0-9-]/.test(name)), []);
  });

  await step("what overrides method, URL or client stays behind", async () => {
    const names = ["X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Methode"]
      .concat(["X-Original-URL", "X-Original-Method", "X-Original-Uri", "X-Original-Host"])
      .concat(["X-Rewrite-URL", "X-Rewrite-Uri", "X-Forwarded-Prefix", "X-Forwarded-Port"])
      .concat(["X-Forwarded-User", "X-Forwarded-Server", "X-Forwarded-Ssl", "X-Forwarded-Scheme"])
      .concat(["X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Path", "X-Forwarded-By"])
      .concat(["X-Forwarded-Email", "X-Forwarded-Client-Cert", "X-Forwarded-Anything"])
      .concat(["X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP", "Client-IP"])
      .concat(["X-Cluster-Client-IP", "Fastly-Client-IP", "Proxy", "x_http_method_override"])
      .concat(["X_Forwarded_User", "CF-Connecting-IPv6", "X-Forwarded"]);
    const through: string[] = [];
    for (const target of ["/public/x", "/x"]) {
      for (const name of names) {
        stand.upstream.forget();
        const answer = await stand.get(target, [bob.bearer, `${name}: mallory`]);
        assert.equal(answer.status, 200, name);
        if (stand.upstream.everything().includes("mallory")) through.push(`${target} ${name}`);
      }
    }
    // "X-HTTP-Methode" begins alike and goes with its kind.
    assert.deepEqual(through, []);
  });

  await step("our own forwarding headers are there once, and true", async () => {
    stand.upstream.forget();
    await stand.get("/public/x", [
      ...["X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: ftp", "X-Forwarded-Host: evil"],
      ...["Forwarded: for=6.6.6.6;host=evil", "X-Request-Id: mine"],
    ]);
    const seen = stand.upstream.last();
    assert.equal(seen.all("x-forwarded-for").length, 1);
    assert.ok(!/6\.6\.6\.6|evil/.test(seen.head), seen.head);
    assert.deepEqual(seen.all("x-forwarded-proto"), ["https"]);
    assert.deepEqual(seen.all("x-forwarded-host"), ["app.example.com"]);
  });

  await step("somebody else's tokens pass", async () => {
    const foreign = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJub2JvZHkiLCJpc3MiOiJvdGhlciJ9.c2lnbmF0dXJl";
    stand.upstream.forget();
    await stand.get(`/public/x?t=${foreign}`, [
      `X-Api-Token: ${foreign}`,
      `Cookie: other=${foreign}`,
    ]);
    const seen = stand.upstream.last();
    assert.equal(seen.get("x-api-token"), foreign);
    assert.equal(seen.get("cookie"), `other=${foreign}`);
    assert.ok(seen.target.endsWith(foreign));
  });
});

onEachRuntime("what a route lets pass by name", {
  routes: [
    { path: "/public/*", upstream: "app", auth: "none", passHeaders: ["X-HTTP-Method-Override"] },
    { path: "/*", upstream: "app" },
  ],
}, async (stand, step) => {
  await step("reaches the upstream there, and nowhere else", async () => {
    const bob = await stand.signIn("bob");
    const headers = [bob.bearer, "X-HTTP-Method-Override: PUT", "X-Original-URL: /admin"];
    await stand.get("/public/x", headers);
    assert.equal(stand.upstream.last().get("x-http-method-override"), "PUT");
    assert.equal(stand.upstream.last().get("x-original-url"), null);
    await stand.get("/x", headers);
    assert.equal(stand.upstream.last().get("x-http-method-override"), null);
  });
});
