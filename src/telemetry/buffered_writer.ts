/**
 * Collects lines and writes many of them at once, so that no request waits for
 * a log.
 *
 * @module
 */

/** Writes lines later. */
export interface BufferedWriter {
  /** Takes a line without a line break. */
  write(line: string): void;
  /** Writes what is there now; call it before the process ends. */
  flush(): void;
}

const FLUSH_AFTER_MS = 50;
const FLUSH_AT_LINES = 500;

/** Creates a writer; `sink` gets one or more lines, each with its line break. */
export function createBufferedWriter(sink: (text: string) => void): BufferedWriter {
  let lines: string[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (lines.length === 0) return;
    const text = `${lines.join("\n")}\n`;
    lines = [];
    sink(text);
  }

  return {
    flush,
    write(line) {
      lines.push(line);
      if (lines.length >= FLUSH_AT_LINES) flush();
      else timer ??= setTimeout(flush, FLUSH_AFTER_MS);
    },
  };
}
