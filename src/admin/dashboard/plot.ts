/**
 * Small plots, drawn as SVG on the server: no script, no library, readable by a screen reader.
 *
 * @module
 */
import { html } from "hono/html";
import type { Html } from "./page.ts";

/** One line or area of a plot. */
export interface Series {
  readonly name: string;
  /** Class that gives it its colour. */
  readonly color: "a" | "b" | "c";
  readonly values: readonly number[];
}

const WIDTH = 600;
const HEIGHT = 120;
const TOP = 10;

/** A plot of one or more series over the same time; all values are per second. */
export function plot(title: string, series: readonly Series[], minutes: number): Html {
  const top = niceTop(Math.max(0, ...series.flatMap(({ values }) => values)));
  const said = series.map(({ name, values }) =>
    `${name}: now ${amount(values.at(-1) ?? 0)}, at most ${amount(Math.max(0, ...values))}`
  ).join("; ");
  return html`
    <figure class="plot">
      <figcaption>
        <span>${title}</span>
        <span class="legend">${series.map(({ name, color }) =>
          html`<span><i class="swatch ${color}"></i>${name}</span>`
        )}</span>
      </figcaption>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img"
        aria-label="${title}, per second, last ${minutes} minutes. ${said}">
        <line class="grid" x1="0" x2="${WIDTH}" y1="${TOP}" y2="${TOP}" />
        <line class="grid" x1="0" x2="${WIDTH}" y1="${(HEIGHT + TOP) / 2}" y2="${(HEIGHT + TOP) /
          2}" />
        <line class="axis" x1="0" x2="${WIDTH}" y1="${HEIGHT - 1}" y2="${HEIGHT - 1}" />
        ${series.map((each) => drawn(each, top))}
      </svg>
      <p
        class="scale"><span>${minutes} min ago</span><span>top ${amount(
          top,
        )}/s</span><span>now</span></p>
    </figure>
  `;
}

function drawn({ values, color }: Series, top: number): Html {
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.map((value, index) =>
    `${(index * step).toFixed(1)},${(HEIGHT - 1 - (value / top) * (HEIGHT - TOP)).toFixed(1)}`
  );
  return html`
    <polygon class="area ${color}" points="0,${HEIGHT - 1} ${points.join(" ")} ${WIDTH},${HEIGHT -
      1}" />
    <polyline class="line ${color}" points="${points.join(" ")}" />
  `;
}

/** The next round number above: 1, 2 or 5 times a power of ten. */
function niceTop(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((factor) => factor * power >= value) ?? 10) * power;
}

/** A number as people read it: three digits, no tail of noughts. */
export function amount(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value >= 1000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
