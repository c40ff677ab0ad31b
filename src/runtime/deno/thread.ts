/**
 * Where a thread of the gateway begins; `threads.ts` is the other end.
 *
 * @module
 */
import { createPromMeter } from "../../telemetry/prom_meter.ts";
import { createInstance } from "./instance.ts";
import type { Instance } from "./instance.ts";
import { readSources } from "./load.ts";
import type { FromThread, ToThread } from "./threads.ts";

/** The inside of a `Worker`; the types of Deno know its outside only. */
const main = self as unknown as {
  postMessage(message: FromThread): void;
  onmessage: ((event: MessageEvent<ToThread>) => void) | null;
  close(): void;
};

const meter = createPromMeter();
let instance: Instance | null = null;
let take: (revocation: Extract<ToThread, { kind: "revoked" }>["revocation"]) => void = () => {};

async function start({ mode, instances }: Extract<ToThread, { kind: "start" }>): Promise<void> {
  try {
    const made = await createInstance({
      mode,
      sources: await readSources(mode, instances),
      instances,
      meter,
      write: (text) => main.postMessage({ kind: "log", text }),
      peers: {
        tell: (revocation) => main.postMessage({ kind: "revoked", revocation }),
        listen: (listener) => void (take = listener),
      },
      shown: {
        event: (event, context) => main.postMessage({ kind: "event", event, context }),
        answered,
      },
      onRead: () => {},
    });
    instance = made;
    made.listen(() => main.postMessage({ kind: "listening" }));
  } catch (error) {
    main.postMessage({ kind: "failed", problem: String(error) });
  }
}

/** Answers are told of once in a while, not one by one. */
const TELL_AFTER_MS = 1_000;
let requests = 0;
let errors = 0;

function answered(status: number): void {
  if (requests === 0) setTimeout(tellAnswers, TELL_AFTER_MS);
  requests += 1;
  if (status >= 500) errors += 1;
}

function tellAnswers(): void {
  main.postMessage({ kind: "answered", requests, errors });
  requests = 0;
  errors = 0;
}

main.onmessage = async ({ data }) => {
  switch (data.kind) {
    case "start":
      return await start(data);
    case "revoked":
      return take(data.revocation);
    case "metrics":
      return main.postMessage({
        kind: "metrics",
        question: data.question,
        values: await meter.values(),
      });
    case "reload":
      await instance?.reloader.reload();
      return;
    case "drain":
      return instance?.drain(data.reason);
    case "stop":
      await instance?.stop();
      main.postMessage({ kind: "stopped" });
      main.close();
  }
};
