/**
 * Listens to a channel over Upstash's REST API: `SUBSCRIBE` answers with an
 * event stream (https://upstash.com/docs/redis/features/restapi#subscribe--publish-commands)
 * whose lines are `data: message,<channel>,<payload>`.
 *
 * @module
 */

/** Without a word for so long, the connection may be dead without having ended. */
const SILENCE_MS = 5 * 60_000;

/** The longest pause between two attempts. */
const MAX_PAUSE_MS = 30_000;

/** What to listen to. */
export interface UpstashChannel {
  readonly url: string;
  readonly token: string;
  readonly channel: string;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Calls back for every message, and after every new connection for what was
 * said in between. Whatever breaks is tried again, more and more rarely.
 */
export function listenToUpstash(channel: UpstashChannel, onNews: () => void): void {
  void (async () => {
    for (let failures = 0; !channel.signal.aborted;) {
      const heard = await listenOnce(channel, onNews);
      failures = heard ? 0 : failures + 1;
      const pauseMs = Math.min(MAX_PAUSE_MS, 250 * 2 ** Math.min(failures, 10));
      await pause(pauseMs * (0.5 + Math.random() / 2), channel.signal);
    }
  })();
}

/** One connection; whether anything was heard before it ended. */
async function listenOnce(
  { url, token, channel, signal }: UpstashChannel,
  onNews: () => void,
): Promise<boolean> {
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stillThere = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  let heard = false;
  try {
    stillThere();
    const response = await fetch(
      `${url.replace(/\/$/, "")}/subscribe/${encodeURIComponent(channel)}`,
      {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, accept: "text/event-stream" },
        body: "[]",
        signal: AbortSignal.any([signal, silence.signal]),
      },
    );
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      return false;
    }
    const lines = response.body.pipeThrough(new TextDecoderStream());
    let rest = "";
    for await (const piece of lines) {
      stillThere();
      const [last = "", ...whole] = (rest + piece).split("\n").reverse();
      // A line of ours is short; what is not is none.
      rest = last.slice(0, 1_024);
      if (!whole.some((line) => /^data: (?:message|subscribe),/.test(line))) continue;
      heard = true;
      onNews();
    }
  } catch {
    // Ended, cut, refused: all the same, the next attempt will show.
  } finally {
    clearTimeout(timer);
  }
  return heard;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
