/**
 * A meter that is small enough for Workers, where every isolate counts for itself and histograms
 * would say little: what is measured becomes a summary without quantiles (count and sum).
 *
 * @module
 */
import {
  boundedLabels,
  type InstrumentOptions,
  type Labels,
  type Meter,
  type Reading,
} from "./meter.ts";

/** Creates an empty meter. */
export function createSmallMeter(): Meter {
  const instruments: (() => string[])[] = [];

  return {
    counter(options) {
      const values: { readonly labels: string; value: number }[] = [];
      instruments.push(() => [
        ...head(options, "counter"),
        ...values.map(({ labels, value }) => `${options.name}${labels} ${value}`),
      ]);
      return boundedLabels(options.labels, (labels) => {
        const kept = { labels: labelText(options, labels), value: 0 };
        values.push(kept);
        return (by) => void (kept.value += by);
      });
    },

    histogram(options) {
      const { name } = options;
      const values: { readonly labels: string; count: number; sum: number }[] = [];
      instruments.push(() => [
        ...head(options, "summary"),
        ...values.flatMap(({ labels, count, sum }) => [
          `${name}_sum${labels} ${sum}`,
          `${name}_count${labels} ${count}`,
        ]),
      ]);
      return boundedLabels(options.labels, (labels) => {
        const kept = { labels: labelText(options, labels), count: 0, sum: 0 };
        values.push(kept);
        return (value) => {
          kept.count += 1;
          kept.sum += value;
        };
      });
    },

    gauge(options, read) {
      instruments.push(() => [
        ...head(options, "gauge"),
        ...readings(read).map(({ labels, value }) =>
          `${options.name}${labelText(options, labels)} ${number(value)}`
        ),
      ]);
    },

    render: () => Promise.resolve(`${instruments.flatMap((lines) => lines()).join("\n")}\n`),
  };
}

/** What a gauge says; one that fails must not take the others along. */
export function readings<L extends string>(read: () => Iterable<Reading<L>>): Reading<L>[] {
  try {
    return [...read()];
  } catch {
    return [];
  }
}

function head({ name, help }: InstrumentOptions<string>, type: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function labelText<L extends string>(
  { labels: names }: InstrumentOptions<L>,
  labels: Labels<L>,
): string {
  if (names.length === 0) return "";
  return `{${names.map((name) => `${name}="${escaped(labels[name])}"`).join(",")}}`;
}

/** As the text format asks for: backslash, quote and line break. */
function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function number(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? String(value) : value > 0 ? "+Inf" : "-Inf";
}
