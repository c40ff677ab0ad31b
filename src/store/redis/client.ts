/**
 * Runs scripts on a Redis: one round trip each, with a time limit, a bounded
 * number of repeats, and errors that say what to do.
 *
 * @module
 */
import { StoreUnavailableError } from "../../base/errors.ts";
import { StoreRejectedError } from "../port.ts";
import { createDigests, passes, repeat } from "../scripts/repeat.ts";
import type { ScriptRunner } from "../scripts/runner.ts";
import type { Script } from "../scripts/scripts.ts";
import { connect, type ConnectionOptions } from "./connection.ts";

/** Error words for a login that will not do. */
const WRONG_LOGIN = /^(WRONGPASS|NOAUTH)\b|^ERR (Client sent AUTH|AUTH <password> called)/;
const NO_PERMISSION = /^NOPERM\b/;
const NOT_ALONE = /^(MOVED|ASK|CROSSSLOT)\b/;

/** No answer came in time. */
class TimeLimitError extends Error {
  override readonly name = "TimeLimitError";
}

/** Creates a client; nothing is sent before the first command. */
export function createRedisClient(
  options: Omit<ConnectionOptions, "connectTimeoutMs"> & { readonly commandTimeoutMs: number },
): ScriptRunner {
  const { commandTimeoutMs } = options;
  const connection = connect({ ...options, connectTimeoutMs: commandTimeoutMs });
  /** What was wrong with the last connection: the command itself only hears that it is closed. */
  let lastFailure: Error | null = null;
  connection.on("error", (error: Error) => lastFailure = error);
  connection.on("ready", () => lastFailure = null);
  const listeners: ReturnType<typeof connect>[] = [];
  const digestOf = createDigests();

  async function inTime<T>(work: Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new TimeLimitError()), commandTimeoutMs);
    });
    try {
      return await Promise.race([work, limit]);
    } finally {
      clearTimeout(timer);
    }
  }

  async function attempt(script: Script, keys: string[], args: string[]): Promise<unknown> {
    const digest = await digestOf(script);
    try {
      return await connection.evalsha(digest, keys.length, ...keys, ...args);
    } catch (error) {
      // Nothing has run yet: this is no repeat.
      if (!wordsOf(error).startsWith("NOSCRIPT")) throw error;
      return await connection.eval(script.source, keys.length, ...keys, ...args);
    }
  }

  function translated(error: unknown): Error {
    return translate(error, lastFailure, commandTimeoutMs);
  }

  return {
    async run(script, keys, args) {
      try {
        return await repeat(() => inTime(attempt(script, [...keys], [...args])), {
          mayPass,
          commandTimeoutMs,
        });
      } catch (error) {
        throw translated(error);
      }
    },

    async command(name, ...args) {
      try {
        return await inTime(connection.call(name, ...args));
      } catch (error) {
        throw translated(error);
      }
    },

    listen(channel, onNews) {
      // A connection of its own: one that listens can ask nothing.
      const listening = connect({ ...options, connectTimeoutMs: commandTimeoutMs });
      listeners.push(listening);
      listening.on("error", () => {});
      listening.on("message", onNews);
      // After each new connection, for what was said in between.
      listening.on("ready", () => {
        listening.subscribe(channel).then(onNews, () => {});
      });
      listening.connect().catch(() => {});
    },

    close() {
      connection.disconnect();
      for (const listening of listeners) listening.disconnect();
    },
  };
}

/** What Redis itself said; empty for what went wrong on the way. */
function wordsOf(error: unknown): string {
  return error instanceof Error && error.name === "ReplyError" ? error.message : "";
}

/** Whether asking again could help: no answer, or one that passes by itself. */
function mayPass(error: unknown): boolean {
  const words = wordsOf(error);
  return words === "" || passes(words);
}

/** The error in words of ours; no `cause`, for the client's own repeats the whole command. */
function translate(error: unknown, last: Error | null, commandTimeoutMs: number): Error {
  const words = wordsOf(error) || wordsOf(last);
  if (WRONG_LOGIN.test(words)) {
    return new StoreRejectedError(
      `REDIS_URL: the Redis does not accept this user and password (${firstOf(words)})`,
    );
  }
  if (NO_PERMISSION.test(words)) {
    return new StoreRejectedError(
      `REDIS_URL: this user may not do what Postern has to do (${firstOf(words)}); it needs ` +
        "`+@read +@write +@scripting +@pubsub ~{<prefix>}:* &{<prefix>}:*`",
    );
  }
  if (NOT_ALONE.test(words)) {
    return new StoreRejectedError(
      'REDIS_URL: this is a node of a cluster; write "redis+cluster://" or "rediss+cluster://"',
    );
  }
  if (words !== "") return unavailable(`answered: ${firstOf(words)}`);
  if (error instanceof TimeLimitError && last === null) {
    return unavailable(`did not answer within ${commandTimeoutMs} ms`);
  }
  const reason = last ?? (error instanceof Error ? error : null);
  return unavailable(reason === null ? "failed" : `can not be reached: ${reason.message}`);
}

/** One line, and not much of it: an error of a script goes on with its source. */
function firstOf(words: string): string {
  return words.split("\n", 1)[0]?.slice(0, 200) ?? "";
}

function unavailable(words: string): StoreUnavailableError {
  return new StoreUnavailableError(`the Redis at REDIS_URL ${words}`);
}
