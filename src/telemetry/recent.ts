/**
 * The last audit events, for people who look.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { AuditEvent, EventContext, EventSink } from "./events.ts";

/** An event that has happened. */
export interface RecentEvent {
  readonly atMs: number;
  readonly event: AuditEvent;
  readonly context: EventContext;
}

/** Keeps the last events. */
export interface RecentEvents {
  readonly sink: EventSink;
  /** The youngest first. */
  read(limit: number): readonly RecentEvent[];
}

/** Keeps the last `capacity` events; requests that were passed on are not among them. */
export function createRecentEvents(clock: Clock, capacity = 500): RecentEvents {
  const ring: RecentEvent[] = [];
  let next = 0;

  return {
    sink(event, context) {
      if (event.event === "request") return;
      ring[next] = { atMs: clock(), event, context };
      next = (next + 1) % capacity;
    },
    read(limit) {
      const inOrder = [...ring.slice(next), ...ring.slice(0, next)];
      return inOrder.reverse().slice(0, limit);
    },
  };
}
