/**
 * What commands print: tables for people, JSON for scripts, remarks beside both.
 *
 * @module
 */

/** Exit codes of every command. */
export const EXIT = {
  ok: 0,
  /** It was asked for something that is not so, or found something wrong. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** Neither the gateway nor its store could be reached. */
  unreachable: 3,
} as const;

/** Writes to standard output and standard error. */
export interface Output {
  readonly json: boolean;
  /** A result: a line for people. */
  line(text: string): void;
  /** A result: a value for scripts; printed only with `--json`. */
  value(value: unknown): void;
  /** Rows for people, or `value` for scripts. */
  table(heads: readonly string[], rows: readonly (readonly string[])[], value: unknown): void;
  /** Something beside the result, on standard error. */
  remark(text: string): void;
  /** How far something long has come; only a terminal sees it. */
  progress(text: string): void;
}

/** Prints on this process's own streams. */
export function createOutput(json: boolean): Output {
  const isTerminal = Deno.stderr.isTerminal();
  const write = (stream: typeof Deno.stdout | typeof Deno.stderr, text: string) => {
    let rest = new TextEncoder().encode(text);
    while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
  };
  return {
    json,
    line: (text) => {
      if (!json) write(Deno.stdout, `${text}\n`);
    },
    value: (value) => {
      if (json) write(Deno.stdout, `${JSON.stringify(value)}\n`);
    },
    table(heads, rows, value) {
      if (json) write(Deno.stdout, `${JSON.stringify(value)}\n`);
      else write(Deno.stdout, tableText(heads, rows));
    },
    remark: (text) => write(Deno.stderr, `${isTerminal ? CLEAR : ""}${text}\n`),
    progress: (text) => {
      if (isTerminal) write(Deno.stderr, `${CLEAR}${text}`);
    },
  };
}

/** `1 session`, `2 sessions`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** To the beginning of the line, and nothing behind it. */
const CLEAR = "\r\u001b[K";

/** Columns as wide as their widest cell; the last one is left alone. */
export function tableText(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const cells = [heads, ...rows].map((row) => row.map(plain));
  const widths = heads.map((_, column) =>
    Math.max(...cells.map((row) => (row[column] ?? "").length))
  );
  return cells.map((row) =>
    row.map((cell, column) => column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))
      .join("  ").trimEnd()
  ).join("\n") + "\n";
}

/** What somebody else wrote must not move a terminal's cursor, nor forge a row. */
function plain(text: string): string {
  // Control characters, line separators, and what turns the direction of writing.
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, "\ufffd");
}
