/**
 * Where the log goes: standard output, which may be a full disk, a reader that has died,
 * or one that has stopped reading. None of them may hold up or end the gateway; what
 * can not be written in the end is counted, and told.
 *
 * @module
 */

/** Takes text and writes it when it can. */
export interface LogOutput {
  /** Takes whole lines. Never throws, and nobody waits for it. */
  write(text: string): void;
  /** Resolves when everything is written, or nothing has been for a while. */
  close(): Promise<void>;
}

/** What {@link LogOutput} writes to; `Deno.stdout` is one. */
export interface LogSink {
  write(bytes: Uint8Array): Promise<number>;
}

/** What waits at most for a reader that does not read; a busy gateway writes it in a minute. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** How soon it is tried again after a failure: a disk may have room again. */
const RETRY_MS = 1_000;

/** How long the end of the process waits for the reader. */
const CLOSE_MS = 2_000;

/** Prepares it. `tell` hears, in words for the operator, when lines begin to get lost and when no more do. */
export function createLogOutput(
  sink: LogSink,
  tell: (words: string) => void,
  { maxWaitingBytes = MAX_WAITING_BYTES, retryMs = RETRY_MS, closeMs = CLOSE_MS } = {},
): LogOutput {
  const encoder = new TextEncoder();
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let lostLines = 0;
  let reason = "nobody reads it";
  let writing: Promise<void> | null = null;
  let isClosing = false;

  function lose(text: Uint8Array): void {
    if (lostLines === 0) tell(`warning: the log loses lines: ${reason}`);
    lostLines += linesIn(text);
  }

  function tellOfLosses(): void {
    if (lostLines === 0) return;
    tell(`warning: the log goes on; it has lost ${lostLines} lines`);
    lostLines = 0;
    reason = "nobody reads it";
  }

  /** Writes what waits, piece by piece. */
  async function writeWaiting(): Promise<void> {
    for (let rest = waiting[0]; rest !== undefined; rest = waiting[0]) {
      try {
        const written = await sink.write(rest);
        waitingBytes -= written;
        if (written < rest.length) waiting[0] = rest.subarray(written);
        else waiting.shift();
        tellOfLosses();
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
        // A disk may have room again; a reader that is gone does not come back.
        if (error instanceof Deno.errors.BrokenPipe || isClosing) {
          lose(rest);
          waitingBytes -= rest.length;
          waiting.shift();
        } else await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
  }

  function begin(): void {
    writing ??= writeWaiting().finally(() => {
      writing = null;
      if (waiting.length > 0) begin();
    });
  }

  return {
    write(text) {
      const piece = encoder.encode(text);
      if (waitingBytes + piece.length > maxWaitingBytes) return lose(piece);
      waiting.push(piece);
      waitingBytes += piece.length;
      begin();
    },

    async close() {
      isClosing = true;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, closeMs));
      await Promise.race([patience, writing]);
      clearTimeout(timer);
      waiting = [];
    },
  };
}

function linesIn(text: Uint8Array): number {
  let lines = 0;
  for (const byte of text) if (byte === 0x0a) lines++;
  return lines;
}
