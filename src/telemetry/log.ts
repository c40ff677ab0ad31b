/**
 * One structured line per audit event: readable in a terminal, JSON in production.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { AuditEvent, EventContext, EventSink } from "./events.ts";
import { levelOf } from "./level.ts";

/** Writes an event as one line, without a line break. */
export type FormatLine = (event: AuditEvent, context: EventContext, atMs: number) => string;

/** Creates the sink that writes a line for each event. `write` gets it without a line break. */
export function createEventLog(options: {
  readonly format: FormatLine;
  readonly write: (line: string) => void;
  readonly clock: Clock;
}): EventSink {
  const { format, write, clock } = options;
  return function log(event, context) {
    write(format(event, context, clock()));
  };
}

/** Our own JSON: the facts of the event beside time, level, request and client. */
export const jsonLine: FormatLine = (event, context, atMs) => {
  const { event: name, ...facts } = event;
  return JSON.stringify({
    time: new Date(atMs).toISOString(),
    level: levelOf(name),
    event: name,
    requestId: context.requestId,
    client: context.clientAddress,
    // A trusted proxy may give a request an id that is not its trace's.
    ...(context.traceId === undefined || context.traceId === context.requestId
      ? {}
      : { traceId: context.traceId }),
    ...facts,
  });
};

/** For a terminal. */
export const textLine: FormatLine = (event, context, atMs) => {
  const { event: name, ...facts } = event;
  const details = Object.entries(facts).map(([key, value]) => `${key}=${quoted(value)}`);
  return [
    new Date(atMs).toISOString().slice(11, 23),
    levelOf(name).toUpperCase().padEnd(5),
    name.padEnd(18),
    ...details,
    `client=${quoted(context.clientAddress)}`,
    `request=${context.requestId}`,
  ].join(" ");
};

/** Quoted unless plain, so that nothing from outside can forge a field or a line. */
function quoted(value: unknown): string {
  const text = String(value);
  return /^[\w.:/@+-]+$/.test(text) ? text : JSON.stringify(text).replaceAll(UNSEEN, escaped);
}

/** What JSON leaves as it is and a terminal obeys: C1 controls, and marks that turn text around. */
const UNSEEN = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
