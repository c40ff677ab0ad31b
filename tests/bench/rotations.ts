/**
 * Rotations and sign-ins per second: Postern on each store beside Django's
 * SimpleJWT with rotation and blacklist (`deno task bench:rotations [rounds] [seconds]`).
 *
 * @module
 */
import { startDjango, USERS } from "../support/django.ts";
import { layGround, posternServer } from "./contenders.ts";
import { median } from "./load.ts";

const ROUNDS = Number(Deno.args[0] ?? 5);
const SECONDS = Number(Deno.args[1] ?? 2);
/** Clients that rotate at the same time, each its own session. */
const CLIENTS = 8;

interface Target {
  readonly name: string;
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly rotations: number[];
  readonly signIns: number[];
}

async function post(url: string, body: Record<string, string>): Promise<Record<string, string>> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (response.status !== 200) {
    throw new Error(`${url}: ${response.status} ${await response.text()}`);
  }
  return await response.json();
}

/** Runs `step` in every client until the time is over; steps per second. */
async function rate(step: (client: number) => Promise<void>): Promise<number> {
  const beganAtMs = performance.now();
  const endsAtMs = beganAtMs + SECONDS * 1000;
  let steps = 0;
  await Promise.all(Array.from({ length: CLIENTS }, async (_, client) => {
    while (performance.now() < endsAtMs) {
      await step(client);
      steps++;
    }
  }));
  return steps / ((performance.now() - beganAtMs) / 1000);
}

async function round(target: Target): Promise<{ rotations: number; signIns: number }> {
  const { url, username, password } = target;
  const tokens = await Promise.all(
    Array.from({ length: CLIENTS }, () => post(`${url}/api/token/`, { username, password })),
  );
  const rotations = await rate(async (client) => {
    const refresh = tokens[client]?.["refresh"] ?? "";
    tokens[client] = await post(`${url}/api/token/refresh/`, { refresh });
  });
  const signIns = await rate(async () => {
    await post(`${url}/api/token/`, { username, password });
  });
  return { rotations, signIns };
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

const ground = await layGround();
// Says at once that everybody is who they say they are: sign-ins then cost what Postern costs.
const identity = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen() {} },
  () => Response.json({ id: "ada" }),
);
const django = await startDjango({
  mode: "native",
  rotateRefreshTokens: true,
  blacklistAfterRotation: true,
});
const stops: (() => Promise<void>)[] = [];
try {
  const targets: Target[] = [{
    name: "Django SimpleJWT, SQLite, 2 workers",
    url: django.url,
    ...USERS.ada,
    rotations: [],
    signIns: [],
  }];
  for (const store of ["memory", "sqlite", "upstash"] as const) {
    const server = await posternServer(ground, {
      name: `Postern, ${store}`,
      store,
      algorithm: "EdDSA",
      login: `http://127.0.0.1:${identity.addr.port}/`,
    });
    stops.push(server.running.stop);
    targets.push({
      name: server.running.name,
      url: server.url,
      username: "ada",
      password: "x",
      rotations: [],
      signIns: [],
    });
  }
  for (let index = -1; index < ROUNDS; index++) {
    for (const target of targets) {
      const seen = await round(target);
      if (index < 0) continue;
      target.rotations.push(seen.rotations);
      target.signIns.push(seen.signIns);
    }
  }
  const base = targets[0];
  print(`${ROUNDS} interleaved rounds of ${SECONDS} s, ${CLIENTS} clients, medians:\n`);
  print("| | rotations/s | of Django | sign-ins/s |\n| --- | ---: | ---: | ---: |");
  for (const { name, rotations, signIns } of targets) {
    const ratio = median(rotations) / median(base?.rotations ?? []);
    print(
      `| ${name} | ${median(rotations).toFixed(0)} | ${ratio.toFixed(1)} | ${
        median(signIns).toFixed(0)
      } |`,
    );
  }
} finally {
  for (const stop of stops) await stop();
  await django.stop();
  await identity.shutdown();
  await ground.stop();
}
