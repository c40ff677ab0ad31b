/**
 * What the proxy changes, and nothing else: each request and each answer, byte for byte,
 * as it arrives directly, through nginx and through Postern. The table says where
 * Postern differs from nginx, and why; a difference that is not in it fails, and so does
 * a line of it that no longer happens.
 */
import assert from "node:assert/strict";
import { startNginx } from "../support/nginx.ts";
import { plain, type RawRequest } from "../support/raw_upstream.ts";
import { HOST, RUNTIMES, startStand } from "../support/stand.ts";
import { exchange, type WireAnswer, type WireRequest } from "../support/wire.ts";

/** A difference between what came directly and what came through a proxy. */
type Difference = string;

/** What nginx does by default (`proxy_pass` alone), and Postern does too or does not. */
const TO_UPSTREAM: Readonly<Record<Difference, { by: "nginx" | "Postern" | "both"; why: string }>> =
  {
    "host changed": {
      by: "both",
      why: 'the target\'s own name, as "host": "target" and nginx\'s $proxy_host have it',
    },
    "connection changed": { by: "both", why: "as above" },
    "connection added": {
      by: "both",
      why: "each connection is somebody's own (RFC 9110 §7.6.1)",
    },
    "version changed": {
      by: "nginx",
      why: "nginx speaks HTTP/1.0 to upstreams; Postern keeps 1.1",
    },
    "forwarded added": { by: "Postern", why: "the client, in the standard form (RFC 7239)" },
    "x-forwarded-for added": { by: "Postern", why: "who asks, once and true" },
    "x-forwarded-host added": { by: "Postern", why: "what was asked for" },
    "x-forwarded-proto added": { by: "Postern", why: "whether by https" },
    "x-request-id added": { by: "Postern", why: "one id for the log lines of both" },
    "traceparent added": { by: "Postern", why: "W3C trace context" },
    "traceparent changed": {
      by: "Postern",
      why: "W3C trace context: a client of the open internet does not choose our trace",
    },
    "order changed": {
      by: "Postern",
      why: "Deno.serve shows header lines in the order of their names (RFC 9110 §5.3 allows it)",
    },
    "case changed": {
      by: "Postern",
      why: "Deno.serve shows names in lower case, as HTTP/2 has them; names have no case",
    },
    "cookie joined": {
      by: "Postern",
      why: "two Cookie lines are one list (RFC 9113 §8.2.3), read as one",
    },
    "lines of one name joined": {
      by: "Postern",
      why: "Deno.serve joins lines of one name with a comma (RFC 9110 §5.3)",
    },
    "authorization (ours) removed": { by: "Postern", why: "no credential reaches an upstream" },
    "cookie (ours) removed": { by: "Postern", why: "no credential reaches an upstream" },
    "x-auth-* removed": { by: "Postern", why: "identity can not be forged from outside" },
    "x-auth-* added": { by: "Postern", why: "who the caller is" },
    "overrides removed": {
      by: "Postern",
      why: "method, URL and client are what was matched, not what a header says",
    },
    "names with other characters removed": {
      by: "both",
      why: "nginx ignores them as well (underscores_in_headers off, ignore_invalid_headers on)",
    },
    "te, keep-alive removed": {
      by: "both",
      why: "they belong to one connection (RFC 9110 §7.6.1)",
    },
    "path encoding normalised": {
      by: "Postern",
      why: "what was matched is what is sent, in one spelling",
    },
    "chunked to length": {
      by: "nginx",
      why: "nginx keeps a whole request body before it asks; Postern streams it",
    },
    "content-length: 0 added": {
      by: "Postern",
      why: "a POST without a body says so (RFC 9110 §8.6)",
    },
    "absolute form to path": { by: "both", why: "a proxy in front of one origin asks for paths" },
    "expect removed": {
      by: "both",
      why: "answered here: the body is only asked for once the request may pass",
    },
  };

const TO_CLIENT: Readonly<Record<Difference, { by: "nginx" | "Postern" | "both"; why: string }>> = {
  "server changed": {
    by: "nginx",
    why: "nginx writes its own name; Postern leaves the upstream's",
  },
  "server added": { by: "nginx", why: "as above" },
  "connection added": { by: "nginx", why: "nginx says keep-alive; HTTP/1.1 does without" },
  "date added": { by: "both", why: "an origin without a clock gets one (RFC 9110 §6.6.1)" },
  "case changed": { by: "Postern", why: "Deno.serve writes names in lower case" },
  "order changed": { by: "both", why: "nginx puts its own lines first, Deno.serve sorts" },
  "reason changed": { by: "Postern", why: "Deno.serve writes the registered phrase" },
  "until-close to a framed body": {
    by: "both",
    why: "so that the end of a body can be told from a break",
  },
  "chunks to length": {
    by: "Postern",
    why: "a body that is there as a whole is sent with its length",
  },
  "connection removed": { by: "Postern", why: "HTTP/1.1 keeps connections without saying so" },
  "vary changed": { by: "Postern", why: "what depends on who asks is told to caches" },
  "vary added": { by: "Postern", why: "what depends on who asks is told to caches" },
  "cache-control changed": { by: "Postern", why: "what was made for one person stays with them" },
  "cache-control added": { by: "Postern", why: "what was made for one person stays with them" },
  "our cookie removed": { by: "Postern", why: "an upstream can not set one of our names" },
  "x-accel-* removed": {
    by: "nginx",
    why: "words to nginx: Postern drops them only from answers that were made for somebody",
  },
  "keep-alive removed": { by: "both", why: "it belongs to one connection" },
};

interface Case {
  readonly request: WireRequest;
  /** What the upstream answers, raw. */
  readonly answer?: string;
  /** Asked with somebody's credential. */
  readonly signedIn?: "cookie" | "bearer";
}

const CASES: Readonly<Record<string, Case>> = {
  "a plain GET": { request: { target: "/a/b?c=d" } },
  "a query of every kind": {
    request: { target: "/q?q='a'&r=\"b\"&s=<c>&%zz&&x=+%20[]{}|^`&é".replace("é", "") },
  },
  "escapes in a path": { request: { target: "/a%20b/caf%C3%A9/%7Eada/x%2Ey" } },
  "a path in absolute form": { request: { target: `http://${HOST}/abs?x=1` } },
  "a browser's headers": {
    request: {
      target: "/h",
      headers: [
        ...[
          "User-Agent: Mozilla/5.0",
          "Accept: text/html,*/*;q=0.8",
          "Accept-Language: de,en;q=0.5",
        ],
        ...["Accept-Encoding: gzip, deflate, br, zstd", "Referer: https://other.example/x?y=1"],
        ...["Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: none", "Priority: u=0, i", "DNT: 1"],
        ...["Cookie: theme=dark; lang=de", 'If-None-Match: "v1"', "Range: bytes=0-3"],
      ],
    },
  },
  "lines of one name": {
    request: {
      target: "/two",
      headers: ["X-A: 1", "X-B: 2", "X-A: 3", "Cookie: a=1", "Cookie: b=2"],
    },
  },
  "bytes beyond ASCII": { request: { target: "/bytes", headers: ["X-Name: \xE9\xFC\xDF"] } },
  "a foreign credential": { request: { target: "/basic", headers: ["Authorization: Basic YTpi"] } },
  "what belongs to a connection": {
    request: {
      target: "/hop",
      headers: ["TE: trailers", "Keep-Alive: timeout=5", "Connection: X-Drop", "X-Drop: 1"],
    },
  },
  "somebody's session": { request: { target: "/me" }, signedIn: "cookie" },
  "somebody's token": { request: { target: "/me" }, signedIn: "bearer" },
  "forged identity and overrides": {
    request: {
      target: "/forged",
      headers: [
        ...["X-Auth-Subject: root", "X-HTTP-Method-Override: PUT", "X-Original-URL: /x"],
        ...[
          "X-Forwarded-For: 6.6.6.6",
          "traceparent: 00-11111111111111111111111111111111-2222222222222222-01",
        ],
        ...["X_Under: 1", "X.Dot: 1"],
      ],
    },
  },
  "a POST with a length": { request: { method: "POST", target: "/p", body: "hello body" } },
  "a POST in chunks": {
    request: {
      method: "POST",
      target: "/p",
      headers: ["Transfer-Encoding: chunked"],
      body: "5\r\nhello\r\n6\r\n again\r\n0\r\n\r\n",
    },
  },
  "a POST without a body": { request: { method: "POST", target: "/p" } },
  "a DELETE without a body": { request: { method: "DELETE", target: "/d" } },
  "a GET with a body": { request: { target: "/g", body: "{}" } },
  "a method of WebDAV": { request: { method: "PROPFIND", target: "/dav", headers: ["Depth: 1"] } },
  "an upload that expects": {
    request: { method: "PUT", target: "/e", headers: ["Expect: 100-continue"], body: "later" },
  },
  "an answer with everything": {
    request: { target: "/x" },
    answer: plain("body", [
      ...["Server: backend/1", "Content-Type: text/html; charset=utf-8", 'ETag: "v1"', "X-A: 1"],
      ...["Set-Cookie: a=1; Path=/", "Set-Cookie: b=2; HttpOnly", "Vary: Accept-Encoding"],
      ...["Cache-Control: max-age=60", "Link: </a.css>; rel=preload", "Link: </b.js>; rel=preload"],
      ...['WWW-Authenticate: Basic realm="x"', "WWW-Authenticate: Negotiate", "X-B: \xE9"],
      ...["Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT", "Content-Language: de", "X-A: 2"],
    ]),
  },
  "an answer for somebody": {
    request: { target: "/me" },
    signedIn: "cookie",
    answer: plain("mine", [
      ...["Cache-Control: max-age=60", "Content-Type: text/plain", "Vary: Accept-Language"],
    ]),
  },
  "a body until the end of its connection": {
    request: { target: "/until" },
    answer: "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nto the end",
  },
  "compressed bytes": {
    request: { target: "/z", headers: ["Accept-Encoding: gzip"] },
    answer: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 24\r\n\r\n" +
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x4c\x4a\x06\x00\xc2\x41\x24\x35\x03\x00\x00\x00x",
  },
  "a redirect": {
    request: { target: "/r" },
    answer: plain("", ["Location: https://other.example/x?y=%20#z"], "302 Found"),
  },
  "a status of its own": { request: { target: "/s" }, answer: plain("", [], "299 Odd") },
  "a 404": { request: { target: "/n" }, answer: plain("none", [], "404 Not Found") },
  "a 204": { request: { target: "/204" }, answer: "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n" },
  "a 304": {
    request: { target: "/304" },
    answer: 'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n',
  },
  "a HEAD": {
    request: { method: "HEAD", target: "/head" },
    answer: "HTTP/1.1 200 OK\r\nContent-Length: 4321\r\n\r\n",
  },
  "a body in chunks": {
    request: { target: "/c" },
    answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
  },
  "a range": {
    request: { target: "/range", headers: ["Range: bytes=1-2"] },
    answer: plain(
      "bc",
      ["Content-Range: bytes 1-2/5", "Accept-Ranges: bytes"],
      "206 Partial Content",
    ),
  },
  "cookies of our names": {
    request: { target: "/steal" },
    answer: plain("x", [
      "Set-Cookie: __Host-postern-access=stolen; Path=/; Secure",
      "Set-Cookie: c=3",
    ]),
  },
  "what belongs to the upstream's connection": {
    request: { target: "/khop" },
    answer: plain("x", ["Keep-Alive: timeout=5", "X-Accel-Expires: 60", "Connection: keep-alive"]),
  },
};

const OVERRIDES = /^(x-http-method|x-original-|x-rewrite-|x-method-override|x-real-ip)/;
const ODD = /[^a-z0-9-]/;

/** How a request changed on its way. */
function requestDifferences(
  direct: RawRequest,
  via: RawRequest,
  ours: ReadonlySet<string>,
): Set<Difference> {
  const found = new Set<Difference>();
  const [a = "", b = ""] = [direct.head.split("\r\n")[0], via.head.split("\r\n")[0]];
  if (a.split(" ")[2] !== b.split(" ")[2]) found.add("version changed");
  if (direct.method !== via.method) found.add(`method ${direct.method} became ${via.method}`);
  if (direct.target !== via.target) {
    if (direct.target === `http://${HOST}${via.target}`) found.add("absolute form to path");
    else if (decodeURI(direct.target) === decodeURI(via.target)) {
      found.add("path encoding normalised");
    } else if (escapesEqual(direct.target, via.target)) found.add("path encoding normalised");
    else found.add(`target ${direct.target} became ${via.target}`);
  }
  const names = new Set([...direct.headers, ...via.headers].map(([name]) => name));
  for (const name of names) {
    const [before, after] = [direct.all(name), via.all(name)];
    if (JSON.stringify(before) === JSON.stringify(after)) continue;
    if (name === "transfer-encoding" || name === "content-length") {
      if (direct.get("transfer-encoding") !== null && via.get("content-length") !== null) {
        found.add("chunked to length");
        continue;
      }
      if (name === "content-length" && before.length === 0 && after[0] === "0") {
        found.add("content-length: 0 added");
        continue;
      }
    }
    if (after.length === 0) {
      if (name === "authorization" && ours.has(before[0] ?? "")) {
        found.add("authorization (ours) removed");
      } else if (name === "cookie" && ours.has(before[0] ?? "")) found.add("cookie (ours) removed");
      else if (name.startsWith("x-auth-")) found.add("x-auth-* removed");
      else if (OVERRIDES.test(name)) found.add("overrides removed");
      else if (ODD.test(name)) found.add("names with other characters removed");
      else if (["te", "keep-alive", "x-drop"].includes(name)) found.add("te, keep-alive removed");
      else found.add(`${name} removed`);
    } else if (before.length === 0) {
      found.add(name.startsWith("x-auth-") ? "x-auth-* added" : `${name} added`);
    } else if (name === "cookie" && before.join("; ") === after.join("; ")) {
      found.add("cookie joined");
    } else if (before.join(", ") === after.join(", ")) found.add("lines of one name joined");
    else if (name === "x-forwarded-for") found.add("x-forwarded-for added");
    else if (name === "x-auth-subject") found.add("x-auth-* removed").add("x-auth-* added");
    else found.add(`${name} changed`);
  }
  const order = (request: RawRequest) =>
    request.headers.map(([name]) => name)
      .filter((name) =>
        direct.get(name) !== null && via.get(name) !== null && name !== "host" &&
        name !== "connection"
      ).filter((name, at, all) => all.indexOf(name) === at).join();
  if (order(direct) !== order(via)) found.add("order changed");
  const written = (request: RawRequest) =>
    request.head.split("\r\n").slice(1).map((line) => line.split(":")[0]);
  if (
    written(direct).some((name) => /[A-Z]/.test(name ?? "")) &&
    !written(via).some((name) => /[A-Z]/.test(name ?? ""))
  ) {
    found.add("case changed");
  }
  if (direct.body !== via.body) found.add(`body became ${via.body}`);
  return found;
}

function escapesEqual(one: string, other: string): boolean {
  const bytes = (text: string) =>
    text.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return bytes(one) === bytes(other);
}

/** How an answer changed on its way back. */
function answerDifferences(direct: WireAnswer, via: WireAnswer): Set<Difference> {
  const found = new Set<Difference>();
  if (direct.status !== via.status) found.add(`status ${direct.status} became ${via.status}`);
  /** The head without the interim answers before it. */
  const headOf = ({ raw, interim }: WireAnswer) =>
    raw.slice(interim.reduce((sum, { head }) => sum + head.length + 4, 0)).split("\r\n\r\n")[0] ??
      "";
  const reason = (answer: WireAnswer) =>
    headOf(answer).split("\r\n")[0]?.split(" ").slice(2).join(" ");
  if (reason(direct) !== reason(via)) found.add("reason changed");
  const names = new Set([...direct.headers, ...via.headers].map(([name]) => name));
  for (const name of names) {
    const [before, after] = [direct.all(name), via.all(name)];
    if (JSON.stringify(before) === JSON.stringify(after)) continue;
    if (/^(transfer-encoding|content-length)$/.test(name)) {
      if (direct.get("transfer-encoding") !== null) {
        found.add("chunks to length");
        continue;
      }
      if (direct.get("content-length") === null && direct.raw.startsWith("HTTP/1.0")) {
        found.add("until-close to a framed body");
        continue;
      }
    }
    if (
      name === "set-cookie" &&
      JSON.stringify(before.filter((line) => !/stolen/.test(line))) === JSON.stringify(after)
    ) {
      found.add("our cookie removed");
    } else if (after.length === 0 && name.startsWith("x-accel-")) found.add("x-accel-* removed");
    else if (after.length === 0) found.add(`${name} removed`);
    else if (before.length === 0) found.add(`${name} added`);
    else if (before.join(", ") === after.join(", ")) found.add(`${name} joined`);
    else found.add(`${name} changed`);
  }
  const order = (answer: WireAnswer) =>
    answer.headers.map(([name]) => name).filter((name) =>
      direct.get(name) !== null && via.get(name) !== null
    )
      .filter((name, at, all) => all.indexOf(name) === at).join();
  if (order(direct) !== order(via)) found.add("order changed");
  const head = headOf(via);
  if (!/^[A-Z][\w-]*:/m.test(head.split("\r\n").slice(1).join("\n"))) found.add("case changed");
  if (direct.body !== via.body) found.add(`body became ${via.body}`);
  return found;
}

Deno.test({
  name: "direct, through nginx and through Postern: every difference is known, and has a reason",
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const [deno] = RUNTIMES;
    assert.ok(deno !== undefined);
    const stand = await startStand(deno, {
      routes: [{ path: "/me", upstream: "app" }, { path: "/*", upstream: "app", auth: "none" }],
    });
    const nginx = await startNginx(`location / { proxy_pass ${stand.upstream.url}; }`);
    const unexpected: string[] = [];
    const seen = new Map<string, Set<"nginx" | "Postern">>();
    const note = (
      kind: string,
      table: Readonly<Record<string, { readonly by: string }>>,
      who: "nginx" | "Postern",
      name: string,
      differences: ReadonlySet<Difference>,
    ) => {
      for (const difference of differences) {
        const known = table[difference];
        const key = `${kind}: ${difference}`;
        seen.set(key, (seen.get(key) ?? new Set()).add(who));
        // nginx is the yardstick, not what is judged.
        if (who === "Postern" && (known === undefined || known.by === "nginx")) {
          unexpected.push(`${kind}, ${name}: ${difference}`);
        }
      }
    };
    try {
      const bob = await stand.signIn("bob");
      for (const [name, { request, answer, signedIn }] of Object.entries(CASES)) {
        const headers = [
          ...(request.headers ?? []),
          ...(signedIn === undefined ? [] : [bob[signedIn]]),
        ];
        stand.upstream.answer((_request, socket) => {
          if (answer?.startsWith("HTTP/1.0") !== true) return answer;
          socket.end(answer);
          return null;
        });
        const ask = async (port: number) => {
          stand.upstream.forget();
          const received = await exchange(port, { ...request, headers }, {
            host: HOST,
            limitMs: 5_000,
          });
          const arrived = stand.upstream.last();
          await arrived.whole;
          return { received, arrived };
        };
        const direct = await ask(stand.upstream.port);
        const ours = new Set([bob.cookie, bob.bearer].map((line) => line.split(": ")[1] ?? ""));
        for (const [who, port] of [["nginx", nginx.port], ["Postern", stand.port]] as const) {
          const via = await ask(port);
          note(
            "to the upstream",
            TO_UPSTREAM,
            who,
            name,
            requestDifferences(direct.arrived, via.arrived, ours),
          );
          note(
            "to the client",
            TO_CLIENT,
            who,
            name,
            answerDifferences(direct.received, via.received),
          );
        }
      }
    } finally {
      await nginx.stop();
      await stand.stop();
    }
    assert.deepEqual(unexpected, []);
    // The table is true: what it says of Postern happens, and what it says of both happens at nginx.
    const untrue: string[] = [];
    for (
      const [kind, table] of [["to the upstream", TO_UPSTREAM], [
        "to the client",
        TO_CLIENT,
      ]] as const
    ) {
      for (const [difference, { by }] of Object.entries(table)) {
        const who = seen.get(`${kind}: ${difference}`) ?? new Set();
        const says = who.size === 2 ? "both" : [...who][0] ?? "nobody";
        if (says !== by) untrue.push(`${kind}: ${difference}: ${by}, but it was ${says}`);
      }
    }
    assert.deepEqual(untrue, []);
  },
});
