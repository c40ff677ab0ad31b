/**
 * Runs scripts on Upstash: one round trip each, with a time limit, a bounded
 * number of repeats where they are safe, and errors that say what to do.
 *
 * @module
 */
import { Redis } from "@upstash/redis/cloudflare";
import { StoreUnavailableError } from "../../base/errors.ts";
import { StoreRejectedError } from "../port.ts";
import type { Script } from "../scripts/scripts.ts";
import { listenToUpstash } from "./listen.ts";
import { createDigests, passes, repeat } from "../scripts/repeat.ts";
import type { ScriptRunner } from "../scripts/runner.ts";

/** Error words of Redis and of Upstash for a token that will not do. */
const WRONG_TOKEN = /^(WRONGPASS|NOAUTH|unauthorized)\b/i;
const NO_PERMISSION = /^NOPERM\b/i;

/** Creates a client. Throws {@link StoreRejectedError} for a URL or token that can not be one. */
export function createUpstashClient(
  { url, token, commandTimeoutMs }: {
    readonly url: string;
    readonly token: string;
    readonly commandTimeoutMs: number;
  },
): ScriptRunner {
  const redis = connect(url.trim(), token.trim(), commandTimeoutMs);
  const ended = new AbortController();
  const digestOf = createDigests();

  async function attempt(script: Script, keys: string[], args: string[]): Promise<unknown> {
    const digest = await digestOf(script);
    try {
      return await redis.evalsha<string[], unknown>(digest, keys, args);
    } catch (error) {
      // Nothing has run yet: this is no repeat.
      if (!wordsOf(error).startsWith("NOSCRIPT")) throw error;
      return await redis.eval<string[], unknown>(script.source, keys, args);
    }
  }

  return {
    async run(script, keys, args) {
      try {
        return await repeat(() => attempt(script, [...keys], [...args]), {
          mayPass,
          commandTimeoutMs,
        });
      } catch (error) {
        throw translate(error, commandTimeoutMs);
      }
    },

    async command(name, ...args) {
      try {
        return await redis.exec<unknown>([name, ...args]);
      } catch (error) {
        throw translate(error, commandTimeoutMs);
      }
    },

    listen(channel, onNews) {
      listenToUpstash(
        { url: url.trim(), token: token.trim(), channel, signal: ended.signal },
        onNews,
      );
    },

    close() {
      ended.abort();
    },
  };
}

function connect(url: string, token: string, commandTimeoutMs: number): Redis {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new StoreRejectedError(
      `UPSTASH_REDIS_REST_URL: "${url}" is no URL; put the one there that the Upstash console ` +
        `shows under REST API, https://….upstash.io`,
    );
  }
  // Anything else could not stand in a header, and would look like a broken network.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new StoreRejectedError(
      "UPSTASH_REDIS_REST_TOKEN: is no token; put the one there that the Upstash console shows " +
        "under REST API",
    );
  }
  return new Redis({
    url,
    token,
    enableTelemetry: false,
    // Claims are JSON of ours, and ids may look like numbers: nothing is to be guessed at.
    automaticDeserialization: false,
    responseEncoding: false,
    // Scripts run on the primary, which has seen all writes: there is nothing to wait for.
    readYourWrites: false,
    // `retry: false` would still try twice.
    retry: { retries: 0 },
    signal: () => AbortSignal.timeout(commandTimeoutMs),
  });
}

/** What Redis or Upstash said, without what the client puts before and behind it. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error) || error.name !== "UpstashError") return "";
  const [words = ""] = error.message.split(", command was: ", 1);
  return words.replace(/^Command failed: /, "");
}

/** Whether asking again could help: no answer, a broken one, or one that passes by itself. */
function mayPass(error: unknown): boolean {
  const words = wordsOf(error);
  const isRedisError = /^[A-Z]{3,} /.test(words);
  if (WRONG_TOKEN.test(words)) return false;
  return !isRedisError || passes(words);
}

function translate(error: unknown, commandTimeoutMs: number): Error {
  const words = wordsOf(error);
  if (WRONG_TOKEN.test(words)) {
    return new StoreRejectedError(
      `UPSTASH_REDIS_REST_TOKEN: Upstash does not accept this token (${words}); put the one ` +
        "there that its console shows under REST API",
    );
  }
  if (NO_PERMISSION.test(words)) {
    return new StoreRejectedError(
      `UPSTASH_REDIS_REST_TOKEN: this token may not do what Postern has to do (${words}); ` +
        "put the standard token there, not the read-only one",
    );
  }
  // No `cause`: the client's own message repeats the whole command.
  return new StoreUnavailableError(`the Redis at UPSTASH_REDIS_REST_URL ${whatHappened(error)}`);

  function whatHappened(error: unknown): string {
    if (words !== "") return `answered: ${words}`;
    if (!(error instanceof Error)) return "failed";
    switch (error.name) {
      case "TimeoutError":
      case "AbortError":
        return `did not answer within ${commandTimeoutMs} ms`;
      case "UpstashJSONParseError":
        return "answered something that is no answer";
      default:
        return `can not be reached: ${error.message}`;
    }
  }
}
