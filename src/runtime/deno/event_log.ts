/**
 * The log of a process on Deno: its format, and the chain through it.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import type { Mode } from "../../base/environment.ts";
import { createBufferedWriter } from "../../telemetry/buffered_writer.ts";
import { ecsLine } from "../../telemetry/ecs.ts";
import type { EventSink } from "../../telemetry/events.ts";
import { createEventLog, type FormatLine, jsonLine, textLine } from "../../telemetry/log.ts";
import { ocsfLine } from "../../telemetry/ocsf.ts";
import type { LogFormat, LogOptions } from "../../telemetry/options.ts";
import { createLogChain } from "./log_chain.ts";

const LINES: Readonly<Record<LogFormat, FormatLine>> = {
  text: textLine,
  json: jsonLine,
  ecs: ecsLine,
  ocsf: ocsfLine,
};

/** Writes events in the configured way; call `flush` before the process ends. */
export function openEventLog(
  { format, chain }: LogOptions,
  mode: Mode,
  sink: (text: string) => void,
): { readonly events: EventSink; flush(): void } {
  const writer = createBufferedWriter(sink);
  const link = chain ? createLogChain() : null;
  return {
    events: createEventLog({
      format: LINES[format ?? (mode === "dev" ? "text" : "json")],
      write: link === null ? writer.write : (line) => writer.write(link(line)),
      clock: systemClock,
    }),
    flush: writer.flush,
  };
}
