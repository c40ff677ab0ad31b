/**
 * Clients of the linearizability run: honest ones, thieves, leavers, and ghosts
 * that come back with what has ended long ago.
 *
 * @module
 */
import assert from "node:assert/strict";
import { PEOPLE, type Person } from "../backend.ts";
import { boundLife } from "./bound_clients.ts";
import { pause } from "./random.ts";
import { claim, createAsk, type Pair, type World } from "./world.ts";

/** Lives as clients do until the world ends. */
export async function live(world: World): Promise<void> {
  const { random, history, honest, counts, going } = world;
  const { chance, oneOf } = random;
  /** Pairs of sessions that have ended. */
  const graveyard: Pair[] = [];

  const ask = createAsk(world);

  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    ask(path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });

  async function signIn(): Promise<Pair> {
    const username = oneOf(Object.keys(PEOPLE) as Person[]);
    for (;;) {
      const beganAtMs = performance.now();
      const response = await post("/api/token/", { username, password: PEOPLE[username].password });
      if (response?.status === 200) {
        const pair: Pair = await response.json();
        const sid = claim(pair.refresh, "sid");
        history.push({ kind: "open", sid, beganAtMs, endedAtMs: performance.now() });
        counts.sessions++;
        return pair;
      }
      await pause(50 + random() * 100);
    }
  }

  /** Whether the store has lost its memory since a session was opened. */
  function forgotten(pair: Pair): boolean {
    const sid = claim(pair.refresh, "sid");
    const opened = history.findLast((each) => each.kind === "open" && each.sid === sid);
    const openedAtMs = opened?.beganAtMs ?? -Infinity;
    return world.amnesias.some(({ endedAtMs }) => endedAtMs >= openedAtMs);
  }

  async function refreshOnce(refresh: string): Promise<Pair | "refused" | "again"> {
    const beganAtMs = performance.now();
    const response = await post("/api/token/refresh/", { refresh });
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
      return "again";
    }
    if (response.status === 401) {
      history.push({ ...entry, result: { kind: "refused" } });
      return "refused";
    }
    assert.equal(response.status, 200);
    const pair: Pair = await response.json();
    const [successor, accessJti] = [claim(pair.refresh, "jti"), claim(pair.access, "jti")];
    history.push({ ...entry, result: { kind: "rotated", successor, accessJti } });
    return pair;
  }

  /** As a well-made client does it: tries until there is an answer. */
  async function refresh(token: string): Promise<Pair | "refused"> {
    for (;;) {
      const result = await refreshOnce(token);
      if (result !== "again") return result;
      await pause(20 + random() * 80);
    }
  }

  async function use({ access }: Pair): Promise<void> {
    const beganAtMs = performance.now();
    const response = await ask("/api", { headers: { authorization: `Bearer ${access}` } });
    if (response === null || response.status === 503) return;
    assert.ok(response.status === 200 || response.status === 401, String(response.status));
    const admitted = response.status === 200;
    // Expired, or not yet valid, by a clock that was set: a client refreshes then.
    if (!admitted && (await response.json()).code !== "session_revoked") return;
    const sid = claim(access, "sid");
    history.push({ kind: "use", sid, beganAtMs, endedAtMs: performance.now(), admitted });
  }

  function ended(pair: Pair, beganAtMs: number): void {
    const sid = claim(pair.refresh, "sid");
    history.push({ kind: "end", sid, beganAtMs, endedAtMs: performance.now() });
    graveyard.push(pair);
  }

  /** Rotates, now and then from several tabs at once, and now and then loses an answer for long. */
  async function honestLife(pair: Pair, rotations: number): Promise<Pair | "refused"> {
    let current = pair;
    for (let turn = 0; turn < rotations && going(); turn++) {
      const { refresh: token } = current;
      if (chance(0.05)) {
        // The answer never arrives; the client comes back long after the grace window.
        if (await refresh(token) === "refused") return "refused";
        await pause(world.graceMs + 500);
      }
      const tabs = chance(0.3) ? 2 + Math.floor(random() * 4) : 1;
      const results = await Promise.all(Array.from({ length: tabs }, () => refresh(token)));
      const [first] = results;
      if (first === undefined || results.includes("refused")) return "refused";
      current = first as Pair;
      if (chance(0.5)) await use(current);
    }
    return current;
  }

  async function thief(): Promise<void> {
    const pair = await signIn();
    const current = await honestLife(pair, 2 + Math.floor(random() * 4));
    if (current === "refused") {
      assert.ok(forgotten(pair), "nobody has stolen anything yet");
      return;
    }
    // What was stolen is older than the direct predecessor: its successor has been used.
    if (!going()) return;
    const later = await honestLife(current, 1);
    if (later === "refused") return;
    await pause(world.graceMs + 500);
    if (!going() || forgotten(pair)) return;
    counts.thefts++;
    const beganAtMs = performance.now();
    // The owner goes on rotating meanwhile.
    const [byThief] = await Promise.all([refresh(pair.refresh), honestLife(later, 3)]);
    if (forgotten(pair)) return;
    assert.equal(byThief, "refused");
    ended(later, beganAtMs);
    await honestLife(later, 1);
    await use(later);
  }

  async function leaver(): Promise<void> {
    const pair = await signIn();
    const current = await honestLife(pair, 1 + Math.floor(random() * 5));
    if (current === "refused") {
      assert.ok(forgotten(pair), "nobody has signed out yet");
      return;
    }
    if (!going()) return;
    counts.signOuts++;
    const racing = honestLife(current, 3);
    for (;;) {
      const beganAtMs = performance.now();
      const response = chance(0.5)
        ? await post("/auth/logout", {}, { authorization: `Bearer ${current.access}` })
        : await post("/auth/revoke", { token: current.refresh });
      if (response?.ok) {
        ended(current, beganAtMs);
        break;
      }
      if (!going()) break;
      await pause(20);
    }
    await racing;
    await honestLife(current, 1);
    for (let turn = 0; turn < 3; turn++) {
      await pause(random() * 2_500);
      await use(current);
    }
  }

  /** Comes back with what ended at any time before. */
  async function ghost(): Promise<void> {
    if (graveyard.length === 0) return;
    counts.ghosts++;
    // All ages, and those that ended not long ago above all.
    const pair = chance(0.5) ? oneOf(graveyard) : oneOf(graveyard.slice(-3));
    await refresh(pair.refresh);
    for (let turn = 0; turn < 3; turn++) await use(pair);
  }

  while (going()) {
    const dice = random();
    if (dice < 0.1) await thief();
    else if (dice < 0.35) await leaver();
    else if (dice < 0.6) await ghost();
    else if (dice < 0.75) await boundLife(world, ask);
    else {
      const pair = await signIn();
      honest.add(claim(pair.refresh, "sid"));
      await honestLife(pair, 2 + Math.floor(random() * 12));
    }
  }
}
