/**
 * Cookies that a sibling subdomain may have planted: whatever is not exactly
 * our name is no credential, reaches no upstream and locks nobody out
 * (RFC 6265bis §5.6, §4.1.3.2).
 */
import assert from "node:assert/strict";
import { onEachRuntime } from "../../support/stand.ts";

/** A code point as UTF-8, one character a byte. */
const utf8 = (code: number) =>
  Array.from(
    new TextEncoder().encode(String.fromCodePoint(code)),
    (byte) => String.fromCharCode(byte),
  ).join("");

/** What some reader somewhere takes for white space, or for nothing at all. */
const INVISIBLE = [
  ...["\xA0", "\x85", "\xAD", "\xC2"],
  ...[0xA0, 0x85, 0xAD, 0x1680, 0x180E, 0x2000, 0x2009, 0x200B, 0x200D, 0x2028, 0x202F, 0x205F]
    .map(utf8),
  ...[0x2060, 0x3000, 0xFEFF, 0xE0041].map(utf8),
];

const NAME = "__Host-postern-access";

onEachRuntime("planted cookies", {}, async (stand, step) => {
  const ada = await stand.signIn("ada");
  const bob = await stand.signIn("bob");

  const cases = (token: string) =>
    INVISIBLE.flatMap((char) => [
      `${char}${NAME}=${token}`,
      `${NAME}${char}=${token}`,
      `a=1; ${char}${NAME}=${token}`,
      `${char} ${NAME}=${token}`,
      ` ${char}${NAME}=${token}`,
    ]);

  await step(
    "a name with anything around it is no credential, and reaches no upstream",
    async () => {
      for (const cookie of cases(ada.access)) {
        stand.upstream.forget();
        const answer = await stand.get("/x", [`Cookie: ${cookie}`]);
        assert.ok([400, 401].includes(answer.status), `${escape(cookie)}: ${answer.status}`);
        assert.equal(stand.upstream.seen.length, 0, escape(cookie));
        const open = await stand.get("/public/x", [`Cookie: ${cookie}`]);
        assert.equal(open.status, 200, escape(cookie));
        assert.ok(!stand.upstream.everything().includes(ada.access), escape(cookie));
      }
    },
  );

  await step(
    "a value with white space beyond SP and HTAB around it is not trimmed to one",
    async () => {
      for (const char of INVISIBLE) {
        for (const value of [`${bob.access}${char}`, `${char}${bob.access}`]) {
          const answer = await stand.get("/x", [`Cookie: ${NAME}=${value}`]);
          assert.ok([400, 401].includes(answer.status), `${escape(char)}: ${answer.status}`);
        }
      }
    },
  );

  await step("SP and HTAB around name and value are white space", async () => {
    const answer = await stand.get("/x", [`Cookie: a=1;\t ${NAME}\t =\t ${bob.access} \t; b=2`]);
    assert.equal(answer.status, 200, answer.raw);
    assert.equal(stand.upstream.last().get("x-auth-subject"), "u-2");
  });

  await step("what merely contains our name does not lock its owner out", async () => {
    const planted = [
      `x=${NAME}=1`,
      `x=a ${NAME}=1`,
      `${utf8(0x2000)}${NAME}=planted`,
      `\xA0${NAME}=planted`,
      `X${NAME}=1`,
      `${NAME}2=1`,
      `"${NAME}"=1`,
      `theme=postern-access=5`,
      `${NAME.toLowerCase()}=1`,
      `__Secure-postern-access=1`,
      `postern-access=1`,
      `postern-refresh=1`,
      `x="${NAME}=1"`,
      `a=1&${NAME}=2`,
    ];
    for (const cookie of planted) {
      for (const line of [`${cookie}; ${NAME}=${bob.access}`, `${NAME}=${bob.access}; ${cookie}`]) {
        const answer = await stand.get("/x", [`Cookie: ${line}`]);
        assert.equal(answer.status, 200, `${escape(line)}: ${answer.text}`);
        assert.equal(stand.upstream.last().get("x-auth-subject"), "u-2", escape(line));
      }
      const page = await stand.get("/auth/login", [`Cookie: ${cookie}`, "Accept: text/html"]);
      assert.equal(page.status, 200, `the sign-in page with ${escape(cookie)}: ${page.text}`);
    }
  });

  await step("other people's cookies pass unchanged beside ours", async () => {
    const others = 'theme=dark; sid=abc=def; empty=; "q"="a b"';
    const answer = await stand.get("/x", [`Cookie: ${others}; ${NAME}=${bob.access}; last=1`]);
    assert.equal(answer.status, 200);
    assert.equal(stand.upstream.last().all("cookie").join("; "), `${others}; last=1`);
  });

  await step("the exact name twice, with two values, is ambiguous", async () => {
    const line = `Cookie: ${NAME}=${bob.access}; ${NAME}=${ada.access}`;
    const answer = await stand.get("/x", [line]);
    assert.equal(answer.status, 400, answer.text);
    const two = await stand.get("/x", [
      `Cookie: ${NAME}=${bob.access}`,
      `Cookie: ${NAME}=${ada.access}`,
    ]);
    assert.ok([400, 401].includes(two.status), two.text);
  });

  await step("a planted refresh cookie opens nothing either", async () => {
    for (const char of INVISIBLE) {
      const answer = await stand.send({
        method: "POST",
        target: "/auth/refresh",
        headers: [
          `Cookie: ${char}__Host-postern-refresh=${ada.refresh}; __Host-postern-csrf=${ada.csrf}`,
          `X-CSRF-Token: ${ada.csrf}`,
          "Origin: https://app.example.com",
        ],
      });
      assert.ok([400, 401, 403].includes(answer.status), `${escape(char)}: ${answer.status}`);
    }
  });

  await step("an upstream can not set one of our names, however it dresses it", async () => {
    const lines = [
      `${NAME}=stolen; Path=/; Secure`,
      ` ${NAME} =stolen; Path=/; Secure`,
      `\t${NAME}\t=stolen; Path=/; Secure`,
      `=${NAME}=stolen; Path=/; Secure`,
    ];
    stand.upstream.answer(() =>
      [
        "HTTP/1.1 200 OK",
        "Content-Length: 0",
        ...lines.map((line) => `Set-Cookie: ${line}`),
        "Set-Cookie: lang=de; Path=/",
        "",
        "",
      ].join("\r\n")
    );
    const answer = await stand.get("/public/x");
    stand.upstream.answer(() => {});
    const set = answer.all("set-cookie");
    assert.ok(set.includes("lang=de; Path=/"), answer.raw);
    for (const line of set) assert.ok(!/stolen/.test(line), `${escape(line)} came through`);
  });
});
