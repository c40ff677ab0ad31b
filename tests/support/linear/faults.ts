/**
 * What happens to the gateways of the linearizability run.
 *
 * @module
 */
import { generateKeySet } from "../../../src/tokens/key_ring.ts";
import { type GatewayProcess, startGatewayProcess } from "../gateway_process.ts";
import { pause, type Random } from "./random.ts";

const FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/** Gateways whose clocks, keys and lives can be changed. */
export interface Fleet {
  readonly gateways: readonly GatewayProcess[];
  kill(): Promise<void>;
  /** Sets the clock of one of them by up to two hours, forward or back, or right again. */
  moveClock(): Promise<string>;
  /** Kills one and starts it with another life for access tokens. */
  changeLives(): Promise<string>;
  /** Brings in a new key everywhere, in two steps. */
  rotateKeys(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a fleet on one store. */
export async function startFleet(options: {
  readonly random: Random;
  readonly size: number;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tokens: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
}): Promise<Fleet> {
  const { random, size } = options;
  const folder = await Deno.makeTempDir({ prefix: "postern-fleet-" });
  let keys: object[] = (await generateKeySet()).keys;
  const clockOf = (index: number) => `${folder}/clock-${index}`;
  const configOf = (accessTtl: string) =>
    JSON.stringify({ ...options.config, tokens: { ...options.tokens, accessTtl } });
  const gateways: GatewayProcess[] = [];
  for (let index = 0; index < size; index++) {
    await Deno.writeTextFile(clockOf(index), "+0");
    gateways.push(
      await startGatewayProcess({
        config: {},
        env: {
          ...options.env,
          POSTERN_CONFIG: configOf("30m"),
          POSTERN_KEYS: JSON.stringify({ keys }),
          LD_PRELOAD: FAKETIME,
          FAKETIME_TIMESTAMP_FILE: clockOf(index),
          FAKETIME_NO_CACHE: "1",
          FAKETIME_DONT_FAKE_MONOTONIC: "1",
        },
      }),
    );
  }
  /** One is restarted at a time: the others go on. */
  let restarting: Promise<void> = Promise.resolve();
  function restart(gateway: GatewayProcess, env: Readonly<Record<string, string>> = {}) {
    return restarting = restarting.then(async () => {
      await gateway.kill();
      await pause(random() * 300);
      await gateway.restart(env);
    });
  }

  return {
    gateways,
    kill: () => restart(random.oneOf(gateways)),

    async moveClock() {
      const index = Math.floor(random() * size);
      const by = Math.round(60 + random() * 7_140);
      const seconds = random.chance(0.15) ? 0 : random.chance(0.5) ? by : -by;
      const text = `${seconds < 0 ? "" : "+"}${seconds}`;
      await Deno.writeTextFile(clockOf(index), text);
      return text;
    },

    async changeLives() {
      const accessTtl = random.oneOf(["3s", "3s", "20s", "30m", "60m"]);
      await restart(random.oneOf(gateways), { POSTERN_CONFIG: configOf(accessTtl) });
      return accessTtl;
    },

    async rotateKeys() {
      const fresh = (await generateKeySet()).keys;
      const added = [...keys, ...fresh.map((key) => ({ ...key, key_ops: ["verify"] }))];
      const moved = [...fresh, ...keys];
      for (const set of [added, moved]) {
        for (const gateway of gateways) {
          await restart(gateway, { POSTERN_KEYS: JSON.stringify({ keys: set }) });
        }
      }
      keys = moved;
    },

    async stop() {
      await restarting;
      await Promise.all(gateways.map((gateway) => gateway.stop()));
      await Deno.remove(folder, { recursive: true });
    },
  };
}
