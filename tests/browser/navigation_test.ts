import assert from "node:assert/strict";
import { isFormNavigation, isNavigation } from "../../src/browser/navigation.ts";

const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

Deno.test("a browser that is going somewhere is told from whoever else asks", () => {
  const cases: readonly (readonly [string, Record<string, string>, boolean])[] = [
    ["GET", { accept: BROWSER }, true],
    ["HEAD", { accept: BROWSER }, true],
    ["POST", { accept: BROWSER }, false],
    ["GET", {}, false],
    ["GET", { accept: "*/*" }, false],
    ["GET", { accept: "application/json" }, false],
    ["GET", { accept: "Text/HTML" }, true],
    ["GET", { accept: "application/xml, text/html ; q=0.5" }, true],
    ["GET", { accept: "*/*, text/html;q=0" }, false],
    ["GET", { accept: "text/html;level=1;Q=0.000" }, false],
    ["GET", { accept: "text/html-fragment" }, false],
    ["GET", { accept: "application/vnd.text/html+json" }, false],
    // jQuery, asking for a piece of a page.
    ["GET", { accept: "text/html, */*; q=0.01", "x-requested-with": "XMLHttpRequest" }, false],
    // Android's WebView names its app there.
    ["GET", { accept: BROWSER, "x-requested-with": "com.example.app" }, true],
    ["GET", { accept: BROWSER, "sec-fetch-mode": "cors" }, false],
    ["GET", { accept: "*/*", "sec-fetch-mode": "navigate" }, true],
    ["GET", { accept: BROWSER, authorization: "Bearer x" }, false],
  ];
  for (const [method, headers, expected] of cases) {
    assert.equal(isNavigation(method, new Headers(headers)), expected, JSON.stringify(headers));
  }
});

Deno.test("a form that a browser sent is told from one that a script sent", () => {
  const form = "application/x-www-form-urlencoded";
  const cases: readonly (readonly [Record<string, string>, boolean])[] = [
    [{ "content-type": form, accept: BROWSER }, true],
    [{ "content-type": `${form}; charset=utf-8`, accept: BROWSER }, true],
    [{ "content-type": form, accept: "*/*" }, false],
    [{ "content-type": form, accept: BROWSER, "x-requested-with": "XMLHttpRequest" }, false],
    [{ "content-type": "application/json", accept: BROWSER }, false],
    [{ "content-type": form, accept: BROWSER, "sec-fetch-mode": "same-origin" }, false],
    [{ "content-type": "multipart/form-data; boundary=x", "sec-fetch-mode": "navigate" }, true],
  ];
  for (const [headers, expected] of cases) {
    const request = new Request("http://localhost/", { method: "POST", body: "", headers });
    assert.equal(isFormNavigation(request), expected, JSON.stringify(headers));
  }
});
