/**
 * The benchmark of the proxied request: `deno task bench [rounds] [seconds] [words…]`; with
 * words, only contenders whose name holds one of them, beside the bare one.
 * Rounds are interleaved, so that a noisy moment of the machine hits everybody;
 * ratios of medians are what to quote.
 *
 * @module
 */
import {
  bare,
  bareUndici,
  type Contender,
  handWritten,
  haproxy,
  honoProxy,
  layGround,
  nginx,
  postern,
} from "./contenders.ts";
import { compare } from "./measure.ts";

const ROUNDS = Number(Deno.args[0] ?? 7);
const SECONDS = Number(Deno.args[1] ?? 2);
const WORDS = Deno.args.slice(2);

const ground = await layGround();

/** Each by its name, which `postern` also shows in the table. */
const others: Readonly<Record<string, (name: string) => Promise<Contender>>> = {
  "bare pass-through, undici": () => bareUndici(ground),
  "**Postern**, Upstash, ES256, Bearer": (name) => postern(ground, { name }),
  "Postern, SQLite": (name) => postern(ground, { name, store: "sqlite" }),
  "Postern, SQLite, two threads": (name) => postern(ground, { name, store: "sqlite", workers: 2 }),
  "Postern, memory": (name) => postern(ground, { name, store: "memory" }),
  "Postern, HS256": (name) => postern(ground, { name, algorithm: "HS256" }),
  "Postern, EdDSA": (name) => postern(ground, { name, algorithm: "EdDSA" }),
  "Postern, RS256": (name) => postern(ground, { name, algorithm: "RS256" }),
  "Postern, cookie": (name) => postern(ground, { name, credential: "cookie" }),
  "Postern, with assertion": (name) => postern(ground, { name, assertion: true }),
  "Postern, access log on": (name) => postern(ground, { name, accessLog: true }),
  "Postern, cold ES256 tokens": (name) => postern(ground, { name, cold: true }),
  "Postern, cold EdDSA tokens": (name) => postern(ground, { name, cold: true, algorithm: "EdDSA" }),
  "Postern, strict route": (name) => postern(ground, { name, strict: true }),
  "hono/proxy": () => honoProxy(ground),
  "hand-written": () => handWritten(ground),
  HAProxy: () => haproxy(ground),
  nginx: () => nginx(ground),
};
const contenders: Contender[] = [];
try {
  contenders.push(await bare(ground));
  for (const [name, begin] of Object.entries(others)) {
    if (WORDS.length > 0 && !WORDS.some((word) => name.includes(word))) continue;
    contenders.push(await begin(name));
  }
  await compare(contenders, { rounds: ROUNDS, seconds: SECONDS });
} finally {
  for (const { running } of contenders) await running.stop();
  await ground.stop();
}
