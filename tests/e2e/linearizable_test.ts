/**
 * Several gateway processes on one Redis, clients that rotate at once, thieves,
 * sign-outs, ghosts; gateways that are killed, whose clocks are set, whose keys
 * and lives of tokens change; a Redis that loses answers, fails over, forgets
 * everything or is put back to a snapshot: whatever happens, a token family
 * stays one chain, what has ended stays so, and nobody who did nothing wrong is
 * signed out (guarantee 2).
 *
 *     POSTERN_LINEAR_SECONDS=600 POSTERN_LINEAR_SEED=7 deno test -A tests/e2e/linearizable_test.ts
 */
import assert from "node:assert/strict";
import { startBackend } from "../support/backend.ts";
import { type Amnesia, type Happening, violations } from "../support/history.ts";
import { live } from "../support/linear/clients.ts";
import { startFleet } from "../support/linear/faults.ts";
import { createRandom, pause } from "../support/linear/random.ts";
import { startLinearStore } from "../support/linear/stores.ts";
import { report } from "../support/report.ts";

const SECONDS = Number(Deno.env.get("POSTERN_LINEAR_SECONDS") ?? 20);
const SEED = Number(Deno.env.get("POSTERN_LINEAR_SEED") ?? 20261125);
const GATEWAYS = 3;
const CLIENTS = 24;
const GRACE_MS = 3_000;
/** `revocation.maxStaleness`, and what a busy machine takes to start a gateway. */
const BOUND_MS = 5_000;

for (const kind of ["upstash", "redis"] as const) {
  Deno.test({
    name: `${kind}: token families stay chains, whatever happens to clocks, keys and the store`,
    // A killed process leaves half-open connections behind in the client's pool.
    sanitizeResources: false,
    sanitizeOps: false,
    fn: () => run(kind),
  });
}

async function run(kind: "upstash" | "redis"): Promise<void> {
  const random = createRandom(SEED);
  const backend = startBackend();
  const store = await startLinearStore(kind);
  const issuer = "https://app.example.com";
  const fleet = await startFleet({
    random,
    size: GATEWAYS,
    env: store.env,
    config: {
      origin: issuer,
      identity: { kind: "upstream", url: `${backend.url}/login`, subject: "/user/id" },
      store: store.config,
      deviceBinding: "offer",
      upstreams: { app: { targets: [backend.url] } },
      routes: [{ path: "/*", upstream: "app" }],
    },
    tokens: { issuer, audience: issuer, rotationGrace: `${GRACE_MS}ms`, maxSessions: 100_000 },
  });
  const history: Happening[] = [];
  const honest = new Set<string>();
  const amnesias: Amnesia[] = [];
  const clients = { sessions: 0, bound: 0, thefts: 0, signOuts: 0, ghosts: 0 };
  const faults = {
    kills: 0,
    cuts: 0,
    clocks: 0,
    lives: 0,
    keys: 0,
    failOvers: 0,
    flushes: 0,
    restores: 0,
  };
  const endAtMs = performance.now() + SECONDS * 1000;
  const going = () => performance.now() < endAtMs;
  const wait = (ms: number) => pause(Math.min(ms, Math.max(0, endAtMs - performance.now())));

  async function cutter(): Promise<void> {
    while (going()) {
      await wait(100 + random() * (kind === "redis" ? 2_000 : 400));
      store.cut(random);
      faults.cuts++;
    }
  }

  /** The store forgets; whoever still knows what has ended tells it again. */
  async function forget(how: () => Promise<unknown>): Promise<void> {
    const amnesia = { beganAtMs: performance.now(), endedAtMs: Infinity };
    amnesias.push(amnesia);
    await how();
    await pause(BOUND_MS + 1_000);
    amnesia.endedAtMs = performance.now();
  }

  const mishaps: readonly (() => Promise<void>)[] = [
    async () => {
      for (let turn = 0; turn < 2; turn++) await fleet.moveClock();
      faults.clocks += 2;
    },
    async () => {
      await fleet.changeLives();
      faults.lives++;
    },
    async () => {
      await fleet.kill();
      faults.kills++;
    },
    async () => {
      await fleet.rotateKeys();
      faults.keys++;
    },
    async () => {
      await store.failOver();
      faults.failOvers++;
    },
  ];

  /** Each mishap once, then again by chance; in long runs the store forgets now and then. */
  async function fate(): Promise<void> {
    for (let turn = 0; going(); turn++) {
      await wait(500 + random() * 1_500);
      if (!going()) return;
      await (mishaps[turn] ?? random.oneOf(mishaps))();
      if (turn % 12 === 2) await store.takeSnapshot();
      if (turn % 12 !== 5 && turn % 12 !== 11) continue;
      if (!going()) return;
      if (turn % 12 === 5) {
        await forget(store.restoreSnapshot);
        faults.restores++;
      } else {
        await forget(store.flush);
        faults.flushes++;
      }
    }
  }

  const world = {
    random,
    ports: fleet.gateways.map(({ port }) => port),
    graceMs: GRACE_MS,
    history,
    honest,
    amnesias,
    counts: clients,
    going,
  };
  try {
    await Promise.all([fate(), cutter(), ...Array.from({ length: CLIENTS }, () => live(world))]);
  } finally {
    await fleet.stop();
    await store.stop();
    await backend.stop();
  }
  const refreshes = history.filter((happening) => happening.kind === "refresh");
  const rotations = new Set(
    refreshes.flatMap(({ result }) => result.kind === "rotated" ? [result.successor] : []),
  );
  const byResult = Map.groupBy(refreshes, ({ result }) => result.kind);
  const count = (result: "rotated" | "refused" | "unproven" | "lost" | "later") =>
    byResult.get(result)?.length ?? 0;
  const inWords = (counts: object) =>
    Object.entries(counts).map(([name, number]) => `${number} ${name}`).join(", ");
  report(
    `${kind}, seed ${SEED}, ${SECONDS} s, ${GATEWAYS} gateways: ${refreshes.length} refreshes ` +
      `(${rotations.size} rotations, ${count("rotated") - rotations.size} replays, ${
        count("refused")
      } refused, ` +
      `${count("unproven")} without their key, ${count("lost")} lost, ${count("later")} put off); ${
        inWords(clients)
      }; ${inWords(faults)}`,
  );
  assert.deepEqual(violations(history, { honest, boundMs: BOUND_MS, amnesias }).slice(0, 20), []);
  assert.ok(clients.bound > 0 && count("unproven") > 0);
  assert.ok(clients.thefts > 0 && clients.signOuts > 0 && count("rotated") > 100);
  assert.ok(faults.kills > 0 && faults.clocks > 0 && faults.cuts > 0);
}
