/**
 * Clients of the linearizability run whose session is bound to a key (DBSC), and
 * thieves who have all of it but the key.
 *
 * @module
 */
import assert from "node:assert/strict";
import { es256 } from "../../binding/keys.ts";
import { PEOPLE, type Person } from "../backend.ts";
import { signed } from "../bound_browser.ts";
import { pause } from "./random.ts";
import { type Ask, claim, type World } from "./world.ts";

/** What a browser holds. */
interface Held {
  readonly refresh: string;
  /** The next challenge, where there is one. */
  readonly challenge: string | null;
}

const PREFIX = "__Host-postern-";

/** Signs in, binds the session, and renews it from several places at once, robbed meanwhile. */
export async function boundLife(world: World, ask: Ask): Promise<void> {
  const { random, history, honest, counts, going } = world;
  const pair = await es256();

  /** Until there is an answer, as a browser does it. */
  async function insist(once: () => Promise<Response | null>): Promise<Response | null> {
    while (going()) {
      const response = await once();
      if (response !== null && response.status !== 503) return response;
      await pause(20 + random() * 80);
    }
    return null;
  }

  function cookieIn(response: Response, name: string): string | null {
    const line = response.headers.getSetCookie().find((each) => each.startsWith(PREFIX + name));
    return line?.slice(PREFIX.length + name.length + 1).split(";", 1)[0] ?? null;
  }

  const challengeIn = (response: Response, header: string): string | null =>
    /challenge="([^"]+)"|^"([^"]+)"/.exec(response.headers.get(header) ?? "")
      ?.slice(1).find((each) => each !== undefined) ?? null;

  const jwk = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const key = btoa(JSON.stringify({ kty: "EC", crv: "P-256", x: jwk.x, y: jwk.y }))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

  async function prove(path: "register" | "refresh", held: Held): Promise<Response | null> {
    const sid = claim(held.refresh, "sid");
    return await ask(`/auth/dbsc/${path}`, {
      method: "POST",
      headers: {
        cookie: `${PREFIX}refresh=${held.refresh}`,
        "sec-secure-session-id": `${sid}.${key}`,
        ...(held.challenge === null ? {} : {
          "secure-session-response": await signed(
            pair,
            held.challenge,
            path === "refresh" ? { jwk: undefined } : {},
          ),
        }),
      },
    });
  }

  /** One renewal: challenged as often as there are clocks that disagree. */
  async function renew(held: Held): Promise<Held | "refused" | null> {
    let challenge = held.challenge;
    while (going()) {
      const beganAtMs = performance.now();
      const response = await prove("refresh", { ...held, challenge });
      const entry = {
        kind: "refresh",
        sid: claim(held.refresh, "sid"),
        presented: claim(held.refresh, "jti"),
        proven: true,
        beganAtMs,
        endedAtMs: performance.now(),
      } as const;
      if (response === null || response.status === 503) {
        history.push({ ...entry, result: { kind: response === null ? "lost" : "later" } });
        await pause(20 + random() * 80);
        continue;
      }
      const next = challengeIn(response, "secure-session-challenge");
      if (response.status === 403) {
        challenge = next;
        await pause(random() * 20);
        continue;
      }
      if (response.status === 401) {
        history.push({ ...entry, result: { kind: "refused" } });
        return "refused";
      }
      const text = await response.text();
      assert.equal(response.status, 200, text);
      const [access, refresh] = [cookieIn(response, "access"), cookieIn(response, "refresh")];
      if (access === null || refresh === null) {
        history.push({ ...entry, result: { kind: "unproven" } });
        return "refused";
      }
      const [successor, accessJti] = [claim(refresh, "jti"), claim(access, "jti")];
      history.push({ ...entry, result: { kind: "rotated", successor, accessJti } });
      return { refresh, challenge: next };
    }
    return null;
  }

  /** Tries a copied refresh token where no key is asked for. */
  async function steal({ refresh }: Held): Promise<void> {
    const beganAtMs = performance.now();
    const response = await ask("/api/token/refresh/", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ refresh }),
    });
    const entry = {
      kind: "refresh",
      sid: claim(refresh, "sid"),
      presented: claim(refresh, "jti"),
      proven: false,
      beganAtMs,
      endedAtMs: performance.now(),
    } as const;
    if (response === null || response.status === 503) {
      history.push({ ...entry, result: { kind: response === null ? "lost" : "later" } });
    } else if (response.status === 200) {
      const { access, refresh: next } = await response.json();
      const [successor, accessJti] = [claim(next, "jti"), claim(access, "jti")];
      history.push({ ...entry, result: { kind: "rotated", successor, accessJti } });
    } else if (response.status === 403) {
      history.push({ ...entry, result: { kind: "unproven" } });
    } else {
      // Of a session that the store has forgotten; what the owner is told is what counts.
      assert.equal(response.status, 401);
    }
  }

  const username = random.oneOf(Object.keys(PEOPLE) as Person[]);
  const signedInAtMs = performance.now();
  const opened = await insist(() =>
    ask("/auth/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username, password: PEOPLE[username].password }),
    })
  );
  if (opened === null) return;
  const first = cookieIn(opened, "refresh");
  assert.ok(opened.status === 200 && first !== null, await opened.text());
  const sid = claim(first, "sid");
  history.push({
    kind: "open",
    sid,
    beganAtMs: signedInAtMs,
    endedAtMs: performance.now(),
  });

  let held: Held = {
    refresh: first,
    challenge: challengeIn(opened, "secure-session-registration"),
  };
  while (going()) {
    const beganAtMs = performance.now();
    const response = await insist(() => prove("register", held));
    if (response === null) return;
    if (response.status === 403) {
      held = { ...held, challenge: challengeIn(response, "secure-session-challenge") };
      continue;
    }
    // The session may have been forgotten by now; that is told of in the histories of others.
    if (response.status !== 200) return;
    const isBound = cookieIn(response, "refresh") !== null;
    if (isBound) history.push({ kind: "bind", sid, beganAtMs, endedAtMs: performance.now() });
    held = {
      refresh: cookieIn(response, "refresh") ?? held.refresh,
      challenge: challengeIn(response, "secure-session-challenge"),
    };
    if (isBound) break;
    const renewed = await renew(held);
    if (renewed === null || renewed === "refused") return;
    held = renewed;
    history.push({ kind: "bind", sid, beganAtMs, endedAtMs: performance.now() });
    break;
  }
  if (!going()) return;
  counts.bound++;
  honest.add(sid);
  for (let turn = 0; turn < 8 && going(); turn++) {
    const present = held;
    const tabs = 1 + Math.floor(random() * 3);
    const thefts = Promise.all(
      [present, { refresh: first, challenge: null }].map((copied) => steal(copied)),
    );
    const renewals = await Promise.all(Array.from({ length: tabs }, () => renew(present)));
    await thefts;
    const [next] = renewals;
    if (next === undefined || renewals.includes(null) || renewals.includes("refused")) return;
    held = next as Held;
  }
}
