/**
 * The port behind all metrics: counters, histograms and gauges in the Prometheus text format. On
 * Deno `prom-client` stands behind it (`prom_meter.ts`), on Workers a small one (`small_meter.ts`).
 *
 * @module
 */

/** Names and values of labels; values may be anything, the meter escapes them. */
export type Labels<L extends string> = Readonly<Record<L, string>>;

/** How an instrument is called and what it says. */
export interface InstrumentOptions<L extends string> {
  /** `postern_<what>_<unit>`; durations are in seconds, counters end in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly L[];
}

/** Upper bounds of a histogram's buckets, ascending, without `+Inf`. */
export interface HistogramOptions<L extends string> extends InstrumentOptions<L> {
  readonly buckets: readonly number[];
}

/** One value of a gauge that is read when somebody looks. */
export interface Reading<L extends string> {
  readonly labels: Labels<L>;
  readonly value: number;
}

/** Takes values of one label set: what a counter adds, or an observation. */
export type Take = (value: number) => void;

/**
 * Looks a label set up. Who has the same one again and again keeps what it gets; what is
 * beyond {@link MAX_LABEL_SETS} falls together into one.
 */
export type Instrument<L extends string> = (labels: Labels<L>) => Take;

/** Makes instruments. A name may be used once. */
export interface Meter {
  counter<L extends string>(options: InstrumentOptions<L>): Instrument<L>;
  histogram<L extends string>(options: HistogramOptions<L>): Instrument<L>;
  /** A value that is read at each rendering; a `read` that throws leaves the gauge empty. */
  gauge<L extends string>(
    options: InstrumentOptions<L>,
    read: () => Iterable<Reading<L>>,
  ): void;
  /** Everything, in the text format (version 0.0.4). */
  render(): Promise<string>;
}

/** The media type of {@link Meter.render}. */
export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** How many different label sets one instrument keeps; what comes after is counted as `other`. */
export const MAX_LABEL_SETS = 2000;

/**
 * Bounds what an instrument keeps: label sets beyond {@link MAX_LABEL_SETS} fall together into one,
 * so that nothing from outside can make it grow. `create` is called once for each set that is kept.
 */
export function boundedLabels<L extends string, T>(
  names: readonly L[],
  create: (labels: Labels<L>) => T,
): (labels: Labels<L>) => T {
  const kept = new Map<string, T>();
  let rest: { readonly of: T } | null = null;
  function other(): T {
    const labels = Object.fromEntries(names.map((name) => [name, "other"])) as Record<L, string>;
    rest ??= { of: create(labels) };
    return rest.of;
  }
  return function bound(labels) {
    let key = "";
    for (const name of names) key += `${labels[name]}\u0000`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    if (kept.size >= MAX_LABEL_SETS) return other();
    const created = create(
      Object.fromEntries(names.map((name) => [name, labels[name]])) as Labels<L>,
    );
    kept.set(key, created);
    return created;
  };
}
