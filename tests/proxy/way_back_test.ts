import assert from "node:assert/strict";
import { createWayBack } from "../../src/proxy/way_back.ts";

const targets = ["http://127.0.0.1:8000", "http://app.internal"];

Deno.test("a redirect to the upstream's own address becomes one to ours", () => {
  const { location } = createWayBack({ targets });
  assert.equal(location("http://127.0.0.1:8000/login/?next=/x#y"), "/login/?next=/x#y");
  assert.equal(location("http://127.0.0.1:8000"), "/");
  assert.equal(location("http://127.0.0.1:8000?a=1"), "/?a=1");
  for (
    const untouched of [
      "http://127.0.0.1:80001/x",
      "http://127.0.0.1:8000@evil.example/",
      "http://app.internal.example/",
      "https://elsewhere.example/",
      "/login/",
      "//evil.example/x",
      "relative/x",
      "?page=2",
      "",
    ]
  ) {
    assert.equal(location(untouched), untouched);
  }
});

Deno.test("a path of the upstream becomes one of the route again", () => {
  const cut = createWayBack({ targets, stripPrefix: "/foo" });
  assert.equal(cut.location("/dir/"), "/foo/dir/");
  assert.equal(cut.location("http://127.0.0.1:8000/dir/?a"), "/foo/dir/?a");
  assert.equal(cut.location("//evil.example/"), "//evil.example/");
  assert.equal(
    cut.location("http://127.0.0.1:8000//evil.example/"),
    "http://127.0.0.1:8000//evil.example/",
  );
  assert.equal(cut.cookie("app=1; Path=/dir; HttpOnly"), "app=1; Path=/foo/dir; HttpOnly");
  const both = createWayBack({ targets, stripPrefix: "/a", addPrefix: "/api/v1" });
  assert.equal(both.location("/api/v1/x"), "/a/x");
  assert.equal(both.location("/api/v1"), "/a");
  assert.equal(both.location("/api/v12"), "/api/v12");
  assert.equal(both.location("/elsewhere"), "/elsewhere");
  assert.equal(both.cookie("a=b;path=/api/v1"), "a=b; Path=/a");
});

Deno.test("a cookie for the upstream's own host is one for ours", () => {
  const { cookie } = createWayBack({ targets });
  assert.equal(cookie("a=b; Domain=127.0.0.1; Secure"), "a=b; Secure");
  assert.equal(cookie("a=b; Domain=example.com"), "a=b; Domain=example.com");
  assert.equal(cookie("a=b"), "a=b");
});
