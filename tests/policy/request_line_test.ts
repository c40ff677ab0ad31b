import fc from "fast-check";
import assert from "node:assert/strict";
import {
  compileHost,
  createKnownHosts,
  hostOf,
  readAuthority,
} from "../../src/policy/authority.ts";
import { readMethod } from "../../src/policy/method.ts";
import { readRequestLine } from "../../src/policy/request_line.ts";

function authority(text: string): string | null {
  const read = readAuthority(text, "https");
  return typeof read === "string" ? read : null;
}

Deno.test("a method is an upper-case token, or refused", () => {
  for (const method of ["GET", "DELETE", "M-SEARCH", "PROPFIND"]) {
    assert.equal(readMethod(method), method);
  }
  for (const method of ["delete", "Get", "trace", "GE T", "", "-X", "GÉT", "A".repeat(33)]) {
    assert.notEqual(typeof readMethod(method), "string", method);
  }
});

Deno.test("a host has one spelling", () => {
  assert.equal(authority("Admin.Example.COM"), "admin.example.com");
  for (
    const text of [
      "admin.example.com.",
      "admin.example.com:",
      "admin.example.com.:443",
      "ADMIN.example.com:443",
    ]
  ) {
    assert.equal(authority(text), "admin.example.com", text);
  }
  assert.equal(authority("app.example.com:8443"), "app.example.com:8443");
  assert.equal(authority("localhost:80"), "localhost:80");
  assert.equal(readAuthority("localhost:80", "http"), "localhost");
  assert.equal(authority("my_service"), "my_service");
  assert.equal(authority("127.0.0.1:8080"), "127.0.0.1:8080");
  assert.equal(authority("[0:0:0:0:0:0:0:1]:9"), "[::1]:9");
  assert.equal(authority("[2001:DB8::0:7]"), "[2001:db8::7]");
  assert.equal(authority("xn--bcher-kva.example"), "xn--bcher-kva.example");
});

Deno.test("a host that could be another is refused", () => {
  for (
    const text of [
      "",
      ".",
      "a..b",
      "..",
      ".a",
      "x/path?",
      "app.example.com/auth/metrics?",
      "u@app.example.com",
      "app.example.com:0x50",
      "app.example.com:080",
      "app.example.com:0",
      "app.example.com:65536",
      "app.example.com:80:80",
      "app.example.com:-1",
      "admin%2eexample.com",
      "a b",
      "a,b",
      "a\tb",
      "app.example.com, evil.com",
      "bücher.example",
      "xn--.example",
      "0x7f.1",
      "127.1",
      "2130706433",
      "127.0.0.01",
      "1.2.3.4.5",
      "[::1",
      "[::1]x",
      "[::1]]",
      "[fe80::1%25eth0]",
      "::1",
      `${"a".repeat(64)}.com`,
      "a".repeat(300),
      "app.example.com\\",
      "app#x",
      "app?x",
    ]
  ) {
    assert.equal(authority(text), null, text);
  }
});

Deno.test("what is read as an authority is what a URL parser reads", () => {
  const piece = fc.constantFrom(..."a B 1 . - _ : 80 [ ] ::1 @ % / ? # 0x xn-- é".split(" "));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const read = authority(pieces.join(""));
      if (read === null) return;
      assert.equal(new URL(`https://${read}/`).host, read);
      assert.equal(authority(read), read);
    }),
    { numRuns: 20_000, seed: 5 },
  );
});

Deno.test("only our own hosts are known, whatever the port", () => {
  const isKnown = createKnownHosts({
    origins: ["https://app.example.com", "https://[::1]:8443"],
    hosts: ["admin.example.net", "*.tenant.example"],
  });
  for (
    const known of [
      "app.example.com",
      "app.example.com:8787",
      "[::1]",
      "admin.example.net",
      "a.tenant.example",
      "a.b.tenant.example",
    ]
  ) {
    assert.ok(isKnown(known), known);
  }
  for (
    const other of [
      "evil.com",
      "example.com",
      "tenant.example",
      "xapp.example.com",
      ".tenant.example",
    ]
  ) {
    assert.ok(!isKnown(other), other);
  }
  assert.equal(hostOf("[::1]:80"), "[::1]");
  assert.equal(hostOf("[::1]"), "[::1]");
  assert.ok(compileHost("API.example.com.")("api.example.com"));
  assert.ok(compileHost("bücher.example")("xn--bcher-kva.example"));
});

Deno.test("a request that names two hosts, or none, is refused", () => {
  const read = (url: string, hostHeader: string | null) =>
    readRequestLine({ method: "GET", url, hostHeader, scheme: "https" });
  const line = read("http://app.example.com/x?y", "app.example.com");
  assert.ok(!("problem" in line));
  assert.equal(line.authority, "app.example.com");
  assert.equal(line.target.path + line.target.search, "/x?y");
  assert.ok(!("problem" in read("http://app.example.com/x", null)), "HTTP/2 has no Host");
  assert.ok(!("problem" in read("http://app.example.com/x", "App.Example.com:443")));
  for (
    const [url, host] of [
      ["http://evil.com/x", "app.example.com"],
      ["http://app.example.com/x", "app.example.com:8443, app.example.com"],
      ["http://app.example.com:1/x", "app.example.com:2"],
      ["http://app.example.com/x", "app.example.com:8443"],
      ["http://localhost:80/x", ""],
      ["http://x/path?/public/x", "x/path?"],
      ["http://app.example.com/auth/metrics?/public/x", "app.example.com/auth/metrics?"],
    ] as const
  ) {
    const refused = read(url, host);
    assert.ok("problem" in refused && refused.code === "invalid_request", `${url} ${host}`);
  }
});
