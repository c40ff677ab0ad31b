/**
 * Several gateway processes on one Redis, clients that rotate at once, thieves,
 * sign-outs, gateways that are killed and answers that get lost: whatever
 * happens, a token family stays one chain (guarantee 2).
 *
 *     POSTERN_LINEAR_SECONDS=600 POSTERN_LINEAR_SEED=7 deno test -A tests/e2e/linearizable_test.ts
 */
import assert from "node:assert/strict";
import { generateKeySet } from "../../src/tokens/key_ring.ts";
import { PEOPLE, startBackend } from "../support/backend.ts";
import { type GatewayProcess, startGatewayProcess } from "../support/gateway_process.ts";
import { type Happening, violations } from "../support/history.ts";
import { startRedis } from "../support/redis.ts";
import { report } from "../support/report.ts";
import { startUpstashRest } from "../support/upstash_rest.ts";

const SECONDS = Number(Deno.env.get("POSTERN_LINEAR_SECONDS") ?? 30);
const SEED = Number(Deno.env.get("POSTERN_LINEAR_SEED") ?? 20261124);
const GATEWAYS = 3;
const CLIENTS = 24;
const GRACE_MS = 4_000;
const BOUND_MS = 5_000;

/** mulberry32: the same choices for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

interface Pair {
  readonly access: string;
  readonly refresh: string;
}

function claim(token: string, name: "sid" | "jti"): string {
  const [, payload = ""] = token.split(".");
  return JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")))[name];
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test({
  name: "token families stay chains, among kills, cuts, thieves and sign-outs",
  // A killed process leaves half-open connections behind in the client's pool.
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const backend = startBackend();
    const redis = await startRedis();
    const rest = await startUpstashRest({ redisPort: redis.port });
    const keys = JSON.stringify(await generateKeySet());
    const gateways: GatewayProcess[] = await Promise.all(
      Array.from({ length: GATEWAYS }, () =>
        startGatewayProcess({
          config: {
            identity: { kind: "upstream", url: `${backend.url}/login`, subject: "/user/id" },
            store: { kind: "upstash" },
            tokens: {
              issuer: "https://app.example.com",
              audience: "https://app.example.com",
              rotationGrace: `${GRACE_MS}ms`,
            },
            upstreams: { app: { targets: [backend.url] } },
            routes: [{ path: "/*", upstream: "app" }],
          },
          env: {
            POSTERN_KEYS: keys,
            UPSTASH_REDIS_REST_URL: rest.url,
            UPSTASH_REDIS_REST_TOKEN: rest.token,
          },
        })),
    );

    const random = createRandom(SEED);
    const chance = (probability: number) => random() < probability;
    const oneOf = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
    const history: Happening[] = [];
    const honest = new Set<string>();
    const counts = { sessions: 0, thefts: 0, signOuts: 0, kills: 0, cuts: 0 };
    const endAtMs = performance.now() + SECONDS * 1000;
    const going = () => performance.now() < endAtMs;

    async function ask(path: string, init: RequestInit): Promise<Response | null> {
      try {
        // localhost may be ::1 first, which costs a failed connection each time.
        const { port } = oneOf(gateways);
        const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
        // The answer counts when it is read: a gateway can die in the middle of it.
        return new Response(await response.arrayBuffer(), response);
      } catch {
        return null;
      }
    }
    const post = (path: string, body: object, headers: Record<string, string> = {}) =>
      ask(path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });

    async function signIn(): Promise<Pair> {
      for (;;) {
        const response = await post("/api/token/", {
          username: "ada",
          password: PEOPLE.ada.password,
        });
        if (response?.status === 200) return await response.json();
        await pause(50);
      }
    }

    async function refreshOnce(refresh: string): Promise<Pair | "refused" | "again"> {
      const beganAtMs = performance.now();
      const response = await post("/api/token/refresh/", { refresh });
      const entry = {
        kind: "refresh",
        sid: claim(refresh, "sid"),
        presented: claim(refresh, "jti"),
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
      history.push({
        ...entry,
        result: {
          kind: "rotated",
          successor: claim(pair.refresh, "jti"),
          accessJti: claim(pair.access, "jti"),
        },
      });
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
      history.push({
        kind: "use",
        sid: claim(access, "sid"),
        beganAtMs,
        endedAtMs: performance.now(),
        admitted: response.status === 200,
      });
    }

    function ended(token: string, beganAtMs: number): void {
      const sid = claim(token, "sid");
      history.push({ kind: "end", sid, beganAtMs, endedAtMs: performance.now() });
    }

    /** Rotates, now and then from several tabs at once. */
    async function honestLife(pair: Pair, rotations: number): Promise<Pair | "refused"> {
      let current = pair;
      for (let turn = 0; turn < rotations && going(); turn++) {
        const tabs = chance(0.3) ? 2 + Math.floor(random() * 4) : 1;
        const { refresh: token } = current;
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
      const stolen = pair.refresh;
      const current = await honestLife(pair, 2 + Math.floor(random() * 4));
      if (current === "refused") assert.fail("nobody has stolen anything yet");
      await pause(GRACE_MS + 500);
      if (!going()) return;
      counts.thefts++;
      const beganAtMs = performance.now();
      // The owner goes on rotating meanwhile.
      const [byThief] = await Promise.all([refresh(stolen), honestLife(current, 3)]);
      assert.equal(byThief, "refused");
      ended(stolen, beganAtMs);
      await honestLife(current, 1);
      await use(current);
    }

    async function leaver(): Promise<void> {
      const current = await honestLife(await signIn(), 1 + Math.floor(random() * 5));
      if (current === "refused") assert.fail("nobody has signed out yet");
      if (!going()) return;
      counts.signOuts++;
      const racing = honestLife(current, 3);
      for (;;) {
        const beganAtMs = performance.now();
        const response = chance(0.5)
          ? await post("/auth/logout", {}, { authorization: `Bearer ${current.access}` })
          : await post("/auth/revoke", { token: current.refresh });
        if (response?.ok) {
          ended(current.refresh, beganAtMs);
          break;
        }
        await pause(20);
      }
      await racing;
      await honestLife(current, 1);
      for (let turn = 0; turn < 3; turn++) {
        await pause(random() * 2_500);
        await use(current);
      }
    }

    async function client(): Promise<void> {
      while (going()) {
        counts.sessions++;
        const dice = random();
        if (dice < 0.2) await thief();
        else if (dice < 0.5) await leaver();
        else {
          const pair = await signIn();
          honest.add(claim(pair.refresh, "sid"));
          await honestLife(pair, 2 + Math.floor(random() * 12));
        }
      }
    }

    async function killer(): Promise<void> {
      while (going()) {
        await pause(2_000 + random() * 2_000);
        const gateway = oneOf(gateways);
        counts.kills++;
        await gateway.kill();
        await gateway.restart();
      }
    }

    async function cutter(): Promise<void> {
      while (going()) {
        await pause(100 + random() * 400);
        counts.cuts++;
        const fault = chance(0.7) ? { cutAfterCommit: true } : { drop: true };
        Object.assign(rest.faults, { times: 1 + Math.floor(random() * 3) }, fault);
      }
    }

    try {
      await Promise.all([killer(), cutter(), ...Array.from({ length: CLIENTS }, client)]);
    } finally {
      await Promise.all(gateways.map((gateway) => gateway.stop()));
      await rest.stop();
      await redis.stop();
      await backend.stop();
    }
    const refreshes = history.filter((happening) => happening.kind === "refresh");
    const byResult = Map.groupBy(refreshes, ({ result }) => result.kind);
    const count = (kind: "rotated" | "refused" | "lost" | "later") =>
      byResult.get(kind)?.length ?? 0;
    report(
      `seed ${SEED}, ${SECONDS} s, ${GATEWAYS} gateways: ${counts.sessions} sessions, ` +
        `${refreshes.length} refreshes (${count("rotated")} rotated or replayed, ` +
        `${count("refused")} refused, ${count("lost")} lost, ${count("later")} put off), ` +
        `${counts.thefts} thefts, ${counts.signOuts} sign-outs, ${counts.kills} kills, ` +
        `${counts.cuts} cuts`,
    );
    assert.ok(counts.thefts > 0 && counts.signOuts > 0 && counts.kills > 0 && count("lost") > 0);
    assert.deepEqual(violations(history, { honest, boundMs: BOUND_MS }), []);
  },
});
