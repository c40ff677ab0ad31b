/**
 * The benchmark of the proxied request: `deno task bench [rounds] [seconds]`.
 * Rounds are interleaved, so that a noisy moment of the machine hits everybody;
 * ratios of medians are what to quote.
 *
 * @module
 */
import {
  bare,
  type Contender,
  handWritten,
  haproxy,
  layGround,
  nginx,
  postern,
} from "./contenders.ts";
import { compare } from "./measure.ts";

const ROUNDS = Number(Deno.args[0] ?? 7);
const SECONDS = Number(Deno.args[1] ?? 2);

const ground = await layGround();
const contenders: Contender[] = [];
try {
  contenders.push(
    await bare(ground),
    await postern(ground, { name: "**Postern**, Upstash, ES256, Bearer" }),
    await postern(ground, { name: "Postern, SQLite", store: "sqlite" }),
    await postern(ground, { name: "Postern, memory", store: "memory" }),
    await postern(ground, { name: "Postern, HS256", algorithm: "HS256" }),
    await postern(ground, { name: "Postern, EdDSA", algorithm: "EdDSA" }),
    await postern(ground, { name: "Postern, RS256", algorithm: "RS256" }),
    await postern(ground, { name: "Postern, cookie", credential: "cookie" }),
    await postern(ground, { name: "Postern, with assertion", assertion: true }),
    await postern(ground, { name: "Postern, access log on", accessLog: true }),
    await postern(ground, { name: "Postern, cold ES256 tokens", cold: true }),
    await postern(ground, { name: "Postern, cold EdDSA tokens", cold: true, algorithm: "EdDSA" }),
    await postern(ground, { name: "Postern, strict route", strict: true }),
    await handWritten(ground),
  );
  for (const peer of [await haproxy(ground), await nginx(ground)]) {
    if (peer !== null) contenders.push(peer);
  }
  await compare(contenders, { rounds: ROUNDS, seconds: SECONDS });
} finally {
  for (const { running } of contenders) await running.stop();
  await ground.stop();
}
