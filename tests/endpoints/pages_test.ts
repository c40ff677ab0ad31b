import assert from "node:assert/strict";
import { describeDevice } from "../../src/endpoints/pages/device.ts";
import { signInPage } from "../../src/endpoints/pages/sign_in_html.ts";
import { createTexts, LANGUAGES, TEXT_NAMES } from "../../src/endpoints/pages/texts.ts";

const english = createTexts({}, "en")(null);

Deno.test("the first language of the browser that there are texts for is spoken", () => {
  const textsFor = createTexts({ fr: { signIn: "Entrer" }, en: { signIn: "Come in" } }, null);
  assert.equal(textsFor("fr-CH, de;q=0.8").signIn, "Entrer");
  assert.equal(textsFor("it, de;q=0.8, fr;q=0.9").signIn, "Entrer");
  assert.equal(textsFor("de-AT").signIn, "Anmelden");
  assert.equal(textsFor("*").signIn, "Come in");
  assert.equal(textsFor(null).signIn, "Come in");
  assert.equal(textsFor("de;q=0, fr;q=0.1").signIn, "Entrer");
  assert.equal(createTexts({}, "de")("en").signIn, "Anmelden");
});

Deno.test("every language of ours has every text", () => {
  for (const language of LANGUAGES) {
    const texts = createTexts({}, language)(null);
    for (const name of TEXT_NAMES) {
      assert.equal(typeof texts[name], "string", `${language} ${name}`);
    }
  }
});

Deno.test("devices are told in words", () => {
  const chrome =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36";
  const known: readonly (readonly [string, string])[] = [
    [chrome, "Chrome on Linux"],
    [`${chrome} Edg/150.0`, "Edge on Linux"],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Mobile Safari/604",
      "Safari on iPhone",
    ],
    ["Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows"],
    ["curl/8.14.1", "curl"],
    ["my-app/1.2 (build 7)", "my-app"],
    ["", "Unknown device"],
    ["<script>alert(1)</script>", "Unknown device"],
  ];
  for (const [userAgent, words] of known) assert.equal(describeDevice(userAgent, english), words);
});

Deno.test("what people and configurations put in stays text", async () => {
  const evil = `"><script>alert(1)</script>`;
  const page = String(
    await signInPage({
      brand: { name: evil, logo: null, color: "#1f6f54" },
      texts: { ...english, hint: evil },
      nonce: "n",
      returnTo: evil,
      username: evil,
      notice: { kind: "wrong" },
      hasPassword: true,
      providers: [{ label: evil, icon: evil, href: evil, isFailing: true }],
    }),
  );
  assert.doesNotMatch(page, /<script/);
  assert.match(page, /value="&quot;&gt;&lt;script&gt;/);
});
