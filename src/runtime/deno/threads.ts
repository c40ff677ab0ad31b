/**
 * More instances of the gateway on the same port, one a thread: the kernel gives each connection to
 * one of them (`SO_REUSEPORT`). They share the store; what they have to tell each other goes
 * through here.
 *
 * @module
 */
import type { Mode } from "../../base/environment.ts";
import { ConfigError } from "../../config/problems.ts";
import type { Peers } from "../../gateway/ports.ts";
import type { Revocation } from "../../store/port.ts";
import type { AuditEvent, EventContext, EventSink } from "../../telemetry/events.ts";
import type { MetricValues } from "../../telemetry/prom_meter.ts";

/** What the main thread tells another. */
export type ToThread =
  | { readonly kind: "start"; readonly mode: Mode; readonly instances: number }
  | { readonly kind: "revoked"; readonly revocation: Revocation }
  | { readonly kind: "metrics"; readonly question: number }
  | { readonly kind: "reload" }
  | { readonly kind: "drain"; readonly reason: string }
  | { readonly kind: "stop" };

/** What a thread tells the main one. */
export type FromThread =
  | { readonly kind: "listening" }
  | { readonly kind: "failed"; readonly problem: string }
  | { readonly kind: "log"; readonly text: string }
  | { readonly kind: "revoked"; readonly revocation: Revocation }
  | { readonly kind: "metrics"; readonly question: number; readonly values: MetricValues }
  | { readonly kind: "event"; readonly event: AuditEvent; readonly context: EventContext }
  /** Answers since the last message. */
  | { readonly kind: "answered"; readonly requests: number; readonly errors: number }
  | { readonly kind: "stopped" };

/** The other instances, as the first one sees them. */
export interface Threads {
  /** Revocations of here go to all, theirs come here. */
  readonly peers: Peers;
  /** Starts them; resolves when all listen. @throws {ConfigError} when one can not. */
  start(mode: Mode): Promise<void>;
  /** What each has measured; one that does not answer in time is left out. */
  metrics(): Promise<MetricValues[]>;
  tell(message: Extract<ToThread, { kind: "reload" | "drain" }>): void;
  /** Ends them; resolves when all have ended. */
  stop(): Promise<void>;
}

/** How long a thread may take to say what it has measured. */
const METRICS_MS = 1_000;

interface Thread {
  readonly worker: Worker;
  readonly listening: PromiseWithResolvers<void>;
  readonly stopped: PromiseWithResolvers<void>;
}

/** Prepares `count` threads. `write` takes lines of their logs; `onLost` hears when one has died. */
export function createThreads(
  count: number,
  on: {
    write(text: string): void;
    lost(reason: string): void;
    event: EventSink;
    answered(requests: number, errors: number): void;
  },
): Threads {
  const threads: Thread[] = [];
  const answers = new Map<number, (values: MetricValues) => void>();
  let questions = 0;
  let isStopping = false;
  let take: (revocation: Revocation) => void = () => {};

  function toAll(message: ToThread, except?: Thread): void {
    for (const each of threads) if (each !== except) each.worker.postMessage(message);
  }

  function hear(thread: Thread, message: FromThread): void {
    switch (message.kind) {
      case "listening":
        return thread.listening.resolve();
      case "failed":
        return thread.listening.reject(new Error(message.problem));
      case "log":
        return on.write(message.text);
      case "revoked":
        take(message.revocation);
        return toAll(message, thread);
      case "metrics":
        answers.get(message.question)?.(message.values);
        return;
      case "event":
        return on.event(message.event, message.context);
      case "answered":
        return on.answered(message.requests, message.errors);
      case "stopped":
        return thread.stopped.resolve();
    }
  }

  function begin(): Thread {
    const worker = new Worker(new URL("./thread.ts", import.meta.url), { type: "module" });
    const thread: Thread = {
      worker,
      listening: Promise.withResolvers<void>(),
      stopped: Promise.withResolvers<void>(),
    };
    worker.addEventListener("message", ({ data }: MessageEvent<FromThread>) => hear(thread, data));
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      thread.listening.reject(new Error(event.message));
      thread.stopped.resolve();
      if (!isStopping) on.lost(event.message);
    });
    threads.push(thread);
    return thread;
  }

  async function ask({ worker }: Thread): Promise<MetricValues | null> {
    const question = ++questions;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      return await new Promise((resolve) => {
        answers.set(question, resolve);
        timer = setTimeout(() => resolve(null), METRICS_MS);
        worker.postMessage({ kind: "metrics", question } satisfies ToThread);
      });
    } finally {
      clearTimeout(timer);
      answers.delete(question);
    }
  }

  return {
    peers: {
      tell: (revocation) => toAll({ kind: "revoked", revocation }),
      listen: (listener) => void (take = listener),
    },
    async start(mode) {
      for (let index = 0; index < count; index++) {
        begin().worker.postMessage(
          { kind: "start", mode, instances: count + 1 } satisfies ToThread,
        );
      }
      try {
        await Promise.all(threads.map(({ listening }) => listening.promise));
      } catch (error) {
        const { message } = error as Error;
        throw new ConfigError([`workers: a thread does not start: ${message}`]);
      }
    },
    async metrics() {
      const all = await Promise.all(threads.map(ask));
      return all.filter((values) => values !== null);
    },
    tell: (message) => toAll(message),
    async stop() {
      isStopping = true;
      toAll({ kind: "stop" });
      await Promise.all(threads.map(({ stopped }) => stopped.promise));
      for (const { worker } of threads) worker.terminate();
    },
  };
}
