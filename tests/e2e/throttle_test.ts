/**
 * Guessing passwords at a running gateway, from connections that hang up and from
 * browsers that are known.
 */
import assert from "node:assert/strict";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { until } from "../support/until.ts";

/** A login endpoint that takes its time over wrong passwords. */
function slowLogin() {
  let asked = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    asked++;
    const { password } = await request.json();
    if (password === "right") return Response.json({ user: { id: "ada" } });
    await new Promise((resolve) => setTimeout(resolve, 400));
    return new Response(null, { status: 401 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/login`,
    asked: () => asked,
    stop: () => server.shutdown(),
  };
}

async function withGateway(
  act: (gateway: TestGateway, login: ReturnType<typeof slowLogin>) => Promise<void>,
): Promise<void> {
  const login = slowLogin();
  const gateway = await startGateway({
    config: {
      identity: { kind: "upstream", url: login.url, subject: "/user/id" },
      trustedProxies: ["127.0.0.1"],
    },
  });
  try {
    await act(gateway, login);
  } finally {
    await gateway.stop();
    await login.stop();
  }
}

function signIn(gateway: TestGateway, password: string, headers: Record<string, string> = {}) {
  return fetch(`${gateway.url}/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ username: "ada", password }),
  });
}

async function statusOf(answer: Promise<Response>): Promise<number> {
  const response = await answer;
  await response.body?.cancel();
  return response.status;
}

/** Asks, and hangs up before the answer. */
async function hangUp(port: number): Promise<void> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const body = JSON.stringify({ username: "ada", password: "guess" });
  await connection.write(new TextEncoder().encode(
    "POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  ));
  await new Promise((resolve) => setTimeout(resolve, 120));
  connection.close();
}

Deno.test("whoever hangs up before the answer has guessed all the same", async () => {
  await withGateway(async (gateway, login) => {
    const port = Number(new URL(gateway.url).port);
    const isAbandoned = ({ event }: TestGateway["events"][number]) =>
      event.event === "sign_in_failed" && event.reason === "abandoned";
    await Promise.all(Array.from({ length: 10 }, () => hangUp(port)));
    await until(
      () => gateway.events.filter(isAbandoned).length === 10,
      "ten were told of",
    );
    assert.equal(login.asked(), 10);
    assert.equal(await statusOf(signIn(gateway, "right")), 429);
    const names = gateway.events.flatMap(({ event }) =>
      event.event === "sign_in_failed" || event.event === "sign_in_throttled" ? [event.name] : []
    );
    assert.equal(names.length, 11);
    assert.equal(new Set(names).size, 1, "the log tells which name it was, by its keyed hash");
    assert.match(names[0] ?? "", /^[0-9a-f]{16}$/);
  });
});

Deno.test("strangers' guesses shut themselves out, and never the browser that was here before", async () => {
  await withGateway(async (gateway) => {
    const browser = { "sec-fetch-site": "same-origin", "x-forwarded-for": "198.51.100.1" };
    const first = await signIn(gateway, "right", browser);
    assert.equal(first.status, 200);
    const device = first.headers.getSetCookie().find((each) => each.includes("postern-device"));
    await first.body?.cancel();
    assert.ok(device !== undefined && /HttpOnly/.test(device));
    const stranger = { "x-forwarded-for": "203.0.113.9" };
    await Promise.all(
      Array.from({ length: 10 }, () => statusOf(signIn(gateway, "guess", stranger))),
    );
    assert.equal(await statusOf(signIn(gateway, "right", stranger)), 429);
    assert.equal(await statusOf(signIn(gateway, "right", browser)), 200, "from elsewhere as ever");
    // Even from the very address, say behind one NAT.
    const cookie = device.split(";", 1)[0] ?? "";
    assert.equal(await statusOf(signIn(gateway, "right", { ...stranger, cookie })), 200);
  });
});
