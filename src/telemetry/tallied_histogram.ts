/**
 * A histogram that a `prom-client` registry renders and adds up like one of its own. Its own works
 * out a hash of all labels for each observation, which costs more than the rest of a request's
 * bookkeeping; this one is handed its label set once.
 *
 * @module
 */
import type { Metric, MetricValueWithName, Registry } from "prom-client";
import type { HistogramOptions, Labels } from "./meter.ts";

/** What one label set has measured. */
class Tally<L extends string> {
  readonly #bounds: readonly number[];
  /** For each bound what is at most as large, and larger than the bound before. */
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(readonly labels: Labels<L>, bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    this.#sum += value;
    this.#count += 1;
    for (let index = 0; index < bounds.length; index++) {
      if (value > (bounds[index] ?? 0)) continue;
      this.#counts[index] = (this.#counts[index] ?? 0) + 1;
      return;
    }
  }

  /** Buckets count what is below them, too. */
  values(name: string): MetricValueWithName<string>[] {
    const { labels } = this;
    let below = 0;
    const buckets = this.#bounds.map((le, index) => {
      below += this.#counts[index] ?? 0;
      return { labels: { le, ...labels }, value: below, metricName: `${name}_bucket` };
    });
    return [
      ...buckets,
      { labels: { le: "+Inf", ...labels }, value: this.#count, metricName: `${name}_bucket` },
      { labels: { ...labels }, value: this.#sum, metricName: `${name}_sum` },
      { labels: { ...labels }, value: this.#count, metricName: `${name}_count` },
    ];
  }
}

/**
 * Puts a histogram into a registry; the returned function takes a label set, once, and gives what
 * observes with it. Label values have to be bounded by the caller.
 */
export function talliedHistogram<L extends string>(
  registry: Registry,
  { name, help, labels: names, buckets }: HistogramOptions<L>,
): (labels: Labels<L>) => (value: number) => void {
  const tallies: Tally<L>[] = [];
  function of(labels: Labels<L>): (value: number) => void {
    const tally = new Tally(labels, buckets);
    tallies.push(tally);
    return (value) => tally.observe(value);
  }
  const metric = {
    name,
    help,
    type: "histogram",
    aggregator: "sum",
    get: () =>
      Promise.resolve({
        name,
        help,
        type: "histogram",
        aggregator: "sum",
        values: tallies.flatMap((tally) => tally.values(name)),
      }),
  };
  // The registry asks for no more than this; its types know only the library's own classes.
  registry.registerMetric(metric as unknown as Metric<string>);
  if (names.length > 0) return of;
  const only = of({} as Labels<L>);
  return () => only;
}
