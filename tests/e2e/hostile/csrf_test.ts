/** No other site does anything with somebody's cookies, at whatever endpoint, in whatever form. */
import assert from "node:assert/strict";
import { PEOPLE } from "../../support/backend.ts";
import { onEachRuntime, ORIGIN } from "../../support/stand.ts";
import type { SignedIn, Stand } from "../../support/stand.ts";

const EVIL = "https://evil.example";

/** How browsers show that a request comes from somewhere else. */
const STRANGERS: Readonly<Record<string, readonly string[]>> = {
  "another site": [`Origin: ${EVIL}`, "Sec-Fetch-Site: cross-site"],
  "another site, an older browser": [`Origin: ${EVIL}`],
  "a sandbox": ["Origin: null"],
  "a sandbox that says where it is": ["Origin: null", "Sec-Fetch-Site: cross-site"],
  "a sibling": ["Origin: https://blog.example.com", "Sec-Fetch-Site: same-site"],
  "another scheme": [`Origin: ${ORIGIN.replace("https", "http")}`],
  "another port": [`Origin: ${ORIGIN}:8443`],
  "a name that begins alike": [`Origin: ${ORIGIN}.evil.example`],
  "the address bar": ["Sec-Fetch-Site: none"],
  "two origins": [`Origin: ${ORIGIN}`, `Origin: ${EVIL}`],
};

const TYPES = [
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "text/plain",
  "application/json",
];

interface Unsafe {
  readonly method: string;
  readonly target: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** Everything of ours that changes something for the holder of cookies, and a proxied request. */
function unsafeFor({ sid }: SignedIn): readonly Unsafe[] {
  return [
    { method: "POST", target: "/auth/logout", fields: {} },
    { method: "POST", target: "/auth/logout/all", fields: {} },
    { method: "POST", target: "/auth/refresh", fields: {} },
    { method: "DELETE", target: `/auth/sessions/${sid}`, fields: {} },
    { method: "POST", target: "/auth/account/end", fields: { sid } },
    { method: "POST", target: "/auth/account/sign-out", fields: {} },
    { method: "POST", target: "/auth/account/sign-out-everywhere", fields: {} },
    { method: "POST", target: "/x", fields: {} },
    { method: "PUT", target: "/x", fields: {} },
    { method: "DELETE", target: "/x", fields: {} },
    { method: "PROPFIND", target: "/x", fields: {} },
  ];
}

function bodyOf(type: string, fields: Readonly<Record<string, string>>): string {
  if (type === "application/json") return JSON.stringify(fields);
  const pairs = Object.entries(fields);
  if (!type.startsWith("multipart")) return new URLSearchParams(fields).toString();
  return pairs.map(([name, value]) =>
    `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  ).join("") + "--x--\r\n";
}

async function assertUntouched(stand: Stand, who: SignedIn, about: string): Promise<void> {
  const answer = await stand.get("/auth/session", [who.cookies]);
  assert.equal(answer.status, 200, `${about}: ${answer.raw}`);
}

onEachRuntime("requests that other sites make with somebody's cookies", {}, async (stand, step) => {
  const who = await stand.signIn("bob");
  const other = await stand.signIn("ada");

  async function tryAll(about: string, headers: readonly string[], csrf: string | null) {
    for (const [index, { method, target, fields }] of unsafeFor(who).entries()) {
      const type = TYPES[index % TYPES.length] ?? "";
      const seen = stand.upstream.seen.length;
      const answer = await stand.send({
        method,
        target,
        headers: [
          who.cookies,
          ...headers,
          `Content-Type: ${type}`,
          ...(csrf === null ? [] : [`X-CSRF-Token: ${csrf}`]),
        ],
        body: bodyOf(type, csrf === null ? fields : { ...fields, csrf_token: csrf }),
      });
      const what = `${about}: ${method} ${target} as ${type}`;
      assert.ok([400, 403, 415].includes(answer.status), `${what}: ${answer.raw}`);
      assert.deepEqual(answer.all("set-cookie"), [], what);
      assert.equal(stand.upstream.seen.length, seen, what);
    }
    await assertUntouched(stand, who, about);
  }

  for (const [from, headers] of Object.entries(STRANGERS)) {
    await step(`from ${from}, without a token and with the right one`, async () => {
      await tryAll(from, headers, null);
      // A sibling may have read it by a way that we do not know of.
      await tryAll(from, headers, who.csrf);
    });
  }

  await step("from our own pages, with no token, another's, and one that is made up", async () => {
    for (const csrf of [null, other.csrf, `v1.${"A".repeat(43)}`, "", "v1."]) {
      await tryAll(`token ${csrf}`, [`Origin: ${ORIGIN}`], csrf);
      await tryAll(`token ${csrf}, no origin`, [], csrf);
    }
  });

  await step("what the method is said to be elsewhere changes nothing", async () => {
    for (
      const target of ["/auth/logout?_method=GET", "/auth/logout?method=GET", "/x?_method=GET"]
    ) {
      const answer = await stand.send({
        method: "POST",
        target,
        headers: [who.cookies, `Origin: ${EVIL}`, "X-HTTP-Method-Override: GET"],
        body: "",
      });
      assert.equal(answer.status, 403, answer.raw);
    }
    for (const target of ["/auth/logout", "/auth/refresh", `/auth/sessions/${who.sid}`]) {
      const answer = await stand.get(target, [who.cookies, "X-HTTP-Method-Override: POST"]);
      assert.equal(answer.status, 405, answer.raw);
    }
    await assertUntouched(stand, who, "override");
  });

  await step("nobody is signed in as somebody else by another site", async () => {
    const fields = { username: "ada", password: PEOPLE.ada.password, return_to: "/" };
    for (const [from, headers] of Object.entries(STRANGERS)) {
      for (const type of TYPES) {
        for (const accept of ["text/html", "*/*"]) {
          const answer = await stand.send({
            method: "POST",
            target: "/auth/login",
            headers: [...headers, `Content-Type: ${type}`, `Accept: ${accept}`],
            body: bodyOf(type, fields),
          });
          assert.ok([400, 403].includes(answer.status), `${from} ${type}: ${answer.raw}`);
          assert.deepEqual(answer.all("set-cookie"), [], `${from} ${type}`);
        }
      }
    }
  });

  await step("no WebSocket is opened with somebody's cookies", async () => {
    for (const [from, headers] of Object.entries(STRANGERS)) {
      const answer = await stand.get("/x", [
        who.cookies,
        ...headers,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      ]);
      assert.ok([400, 403].includes(answer.status), `${from}: ${answer.raw}`);
    }
  });
});
