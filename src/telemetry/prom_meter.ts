/**
 * The meter made of `prom-client`. Deno only: it needs Node's built-ins, which a Worker would have
 * to carry along.
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { boundedLabels, type Meter } from "./meter.ts";
import { readings } from "./small_meter.ts";

/** Creates an empty meter with a registry of its own. */
export function createPromMeter(): Meter {
  const registry = new Registry();
  const registers = [registry];

  return {
    counter(options) {
      const counter = new Counter({ ...named(options), registers });
      const bound = boundedLabels(options.labels);
      return (labels, by = 1) => counter.inc(bound(labels).labels, by);
    },

    histogram(options) {
      const histogram = new Histogram({
        ...named(options),
        buckets: [...options.buckets],
        registers,
      });
      const bound = boundedLabels(options.labels);
      return (labels, value) => histogram.observe(bound(labels).labels, value);
    },

    gauge(options, read) {
      new Gauge({
        ...named(options),
        registers,
        collect() {
          this.reset();
          // Without labels, it would start again at a made-up 0.
          if (options.labels.length === 0) this.remove();
          const bound = boundedLabels(options.labels);
          for (const { labels, value } of readings(read)) {
            this.set({ ...bound(labels).labels }, value);
          }
        },
      });
    },

    render: () => registry.metrics(),
  };
}

function named<L extends string>(
  { name, help, labels }: {
    readonly name: string;
    readonly help: string;
    readonly labels: readonly L[];
  },
): { name: string; help: string; labelNames: L[] } {
  return { name, help, labelNames: [...labels] };
}
