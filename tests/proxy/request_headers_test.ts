import fc from "fast-check";
import assert from "node:assert/strict";
import { createIdentityHeaders, headerValue } from "../../src/access/identity_headers.ts";
import { createClientResolver } from "../../src/http/client_address.ts";
import { foldHeaderName } from "../../src/http/header_names.ts";
import { createRequestHeaderFilter } from "../../src/proxy/request_filter.ts";

const staysBehind = createRequestHeaderFilter({
  identityHeaders: ["X-Auth-Email", "X-Tenant"],
  passHeaders: [],
});

Deno.test("every spelling that a backend may fold into an identity header stays behind", () => {
  const names = [
    "x-auth-subject",
    "x-auth-session",
    "x-auth-scope",
    "x-auth-assertion",
    "x-auth-email",
    "x-tenant",
    "x-forwarded-for",
    "forwarded",
  ];
  const spelled = fc.constantFrom(...names).chain((name) =>
    fc.array(fc.tuple(fc.boolean(), fc.constantFrom(..."-_.~+!#$%&'*^`|")), {
      minLength: name.length,
      maxLength: name.length,
    })
      .map((choices) =>
        [...name].map((char, index) => {
          const [upper, separator] = choices[index] ?? [false, "-"];
          return char === "-" ? separator : upper ? char.toUpperCase() : char;
        }).join("")
      )
  );
  fc.assert(fc.property(spelled, (name) => assert.equal(staysBehind(name), true, name)), {
    numRuns: 2_000,
    seed: 4,
  });
});

Deno.test("folding is what CGI and its heirs do, and nothing that differs after it collides", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 20 }), fc.string({ maxLength: 20 }), (a, b) => {
      const cgi = (name: string) => name.toUpperCase().replace(/[^A-Z0-9]+/g, "_");
      if (foldHeaderName(a) === foldHeaderName(b)) assert.equal(cgi(a), cgi(b));
    }),
    { numRuns: 2_000, seed: 5 },
  );
  for (const name of ["x-auth", "x-authority", "accept", "x-custom", "authentication-info"]) {
    assert.equal(staysBehind(name), false, name);
  }
});

Deno.test("whatever folds to x-auth- stays behind, known or not, and so do names that some backends fold", () => {
  const word = fc.stringMatching(/^[a-z0-9]{0,8}$/);
  const separator = fc.constantFrom(..."-_.~+!#$%&'*^`|");
  fc.assert(
    fc.property(separator, separator, word, (one, other, name) => {
      assert.equal(staysBehind(`x${one}auth${other}${name}`), true);
    }),
    { numRuns: 2_000, seed: 7 },
  );
  for (const name of ["x_custom", "accept.x", "x~y", "foo+bar", "", "ключ"]) {
    assert.equal(staysBehind(name), true, name);
  }
});

Deno.test("what overrides method, URL or client stays behind, unless a route lets it through", () => {
  const overriding = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-forwarded-prefix",
    "x-forwarded-port",
    "x-forwarded-user",
    "x-forwarded",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "x-client-ip",
    "x-cluster-client-ip",
    "client-ip",
    "remote-user",
    "proxy",
    "x-middleware-subrequest",
    "x-envoy-original-path",
    "client-cert",
    "client-cert-chain",
    "x-amzn-mtls-clientcert-subject",
    "x-sendfile-type",
    "x-accel-mapping",
    "x-invoke-path",
    "x-matched-path",
    "x-astro-path",
    "x-ms-original-url",
    "x-http-host-override",
    "x-http-path-override",
    "forwarded-for",
    "x-forward-for",
    "destination",
  ];
  const open = createRequestHeaderFilter({ identityHeaders: [], passHeaders: overriding });
  for (const name of overriding) {
    assert.equal(staysBehind(name), true, name);
    assert.equal(open(name), false, name);
  }
  // Every CDN has a name of its own for the client's address.
  fc.assert(fc.property(fc.stringMatching(/^[a-z][a-z-]{0,12}[a-z]$/), (maker) => {
    for (const kind of ["ip", "client-ip", "connecting-ip", "real-ip", "method-override"]) {
      assert.equal(staysBehind(`${maker}-${kind}`), true, `${maker}-${kind}`);
    }
  }));
  for (const name of ["hx-current-url", "x-requested-with", "x-zip", "ip-hint", "x-trip"]) {
    assert.equal(staysBehind(name), false, name);
  }
  const stubborn = createRequestHeaderFilter({
    identityHeaders: [],
    passHeaders: ["x-auth-subject", "x-forwarded-for", "host", "connection"],
  });
  for (const name of ["x-auth-subject", "x-forwarded-for", "host", "connection"]) {
    assert.equal(stubborn(name), true, name);
  }
});

Deno.test("a claim never breaks out of its header", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 2 }), (value) => {
      const text = headerValue(value as never);
      assert.match(text, /^[\x20-\x7e]*$/);
      assert.equal(new Headers({ "x-auth-claim": text }).get("x-auth-claim"), text);
    }),
    { numRuns: 2_000, seed: 6 },
  );
});

Deno.test("a claim that says nothing is no header, as one that is not there", () => {
  const headersOf = createIdentityHeaders({ "X-Auth-Email": "email", "X-Auth-N": "n" });
  const token = (claims: Record<string, unknown>) =>
    ({ subject: "ada", scope: "", actor: "user", sid: null, client: null, claims }) as never;
  const named = (claims: Record<string, unknown>) =>
    headersOf(token(claims)).filter(([name]) => /^x-auth-(?:email|n)$/.test(name));
  assert.deepEqual(named({ email: null }), []);
  assert.deepEqual(named({ email: "", n: 0 }), [["x-auth-email", ""], ["x-auth-n", "0"]]);
});

Deno.test("the client's address is believed from trusted proxies only, read from the right", () => {
  const resolve = createClientResolver(["10.0.0.0/8", "2001:db8::/32"]);
  const address = (forwarded: string | null, peer: string) =>
    resolve({ get: (name) => name === "x-forwarded-for" ? forwarded : null }, peer).address;
  assert.equal(address("1.1.1.1", "203.0.113.9"), "203.0.113.9", "an untrusted peer");
  assert.equal(address("1.1.1.1, 203.0.113.9", "10.0.0.1"), "203.0.113.9");
  assert.equal(address("1.1.1.1, 203.0.113.9, 10.0.0.2", "10.0.0.1"), "203.0.113.9");
  assert.equal(address("spoofed, 10.0.0.2", "10.0.0.1"), "10.0.0.2");
  assert.equal(address(null, "10.0.0.1"), "10.0.0.1");
  assert.equal(address("[2001:db8::1]:443, 203.0.113.9:1234", "2001:db8::7"), "203.0.113.9");
  assert.equal(address("1.1.1.1", "::ffff:10.0.0.1"), "1.1.1.1", "IPv4 in IPv6");
});
