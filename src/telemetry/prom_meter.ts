/**
 * The meter made of `prom-client`. Deno only: it needs Node's built-ins, which a Worker would have
 * to carry along.
 *
 * @module
 */
import { AggregatorRegistry, Counter, Gauge, Registry } from "prom-client";
import type { MetricObject, MetricObjectWithValues, MetricValue } from "prom-client";
import { boundedLabels, type InstrumentOptions, type Labels, type Meter } from "./meter.ts";
import { readings } from "./small_meter.ts";
import { talliedHistogram } from "./tallied_histogram.ts";

/** Everything that a meter has measured, as plain values that may cross to another thread. */
export type MetricValues = MetricObjectWithValues<MetricValue<string>>[];

/** A meter whose values can be put together with those of others. */
export interface PromMeter extends Meter {
  values(): Promise<MetricValues>;
}

/** What several meters of one process have measured, in the text format. */
export function renderTogether(all: readonly MetricValues[]): Promise<string> {
  // Typed for the plain half of what it takes.
  return AggregatorRegistry.aggregate([...all] as unknown as MetricObject[]).metrics();
}

/** Gauges that add up over the instances of a process; of the others the largest value is told. */
const SUMMED: ReadonlySet<string> = new Set([
  "postern_requests_in_flight",
  "postern_long_lived_connections",
]);

/** Gauges whose smallest value matters. */
const SMALLEST: ReadonlySet<string> = new Set([
  "postern_upstream_target_healthy",
  "postern_config_last_reload_successful",
]);

function aggregatorOf(name: string): "sum" | "min" | "max" {
  return SUMMED.has(name) ? "sum" : SMALLEST.has(name) ? "min" : "max";
}

/** Creates an empty meter with a registry of its own. */
export function createPromMeter(): PromMeter {
  const registry = new Registry();
  const registers = [registry];

  return {
    counter<L extends string>(options: InstrumentOptions<L>) {
      // Handed over when somebody looks: each call hashes all labels.
      const sums: { readonly labels: Labels<L>; by: number }[] = [];
      new Counter({
        ...named(options),
        registers,
        collect() {
          for (const sum of sums) {
            this.inc({ ...sum.labels }, sum.by);
            sum.by = 0;
          }
        },
      });
      return boundedLabels(options.labels, (labels) => {
        const sum = { labels, by: 0 };
        sums.push(sum);
        return (by) => void (sum.by += by);
      });
    },

    histogram: (options) => boundedLabels(options.labels, talliedHistogram(registry, options)),

    gauge(options, read) {
      new Gauge({
        ...named(options),
        aggregator: aggregatorOf(options.name),
        registers,
        collect() {
          this.reset();
          // Without labels, it would start again at a made-up 0.
          if (options.labels.length === 0) this.remove();
          const bound = boundedLabels(options.labels, (labels) => labels);
          for (const { labels, value } of readings(read)) this.set({ ...bound(labels) }, value);
        },
      });
    },

    render: () => registry.metrics(),

    async values() {
      return structuredClone(await registry.getMetricsAsJSON());
    },
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
