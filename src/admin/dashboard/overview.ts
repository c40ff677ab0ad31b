/**
 * The first page: how the gateway is doing.
 *
 * @module
 */
import { html } from "hono/html";
import { type ActivityKind, type ActivityStep, STEP_MS } from "../../telemetry/activity.ts";
import type { AdminParts, Readiness } from "../ports.ts";
import { keysOf } from "../state.ts";
import { eventsTable } from "./events.ts";
import { badge, type Html, table } from "./page.ts";
import { amount, plot, type Series } from "./plot.ts";

const PER_SECOND = 1000 / STEP_MS;

/** Tiles, plots, refusals, upstreams, keys and the last audit events. */
export function overview(parts: AdminParts, readiness: Readiness): Html {
  const steps = parts.activity.read();
  const minutes = Math.round((steps.length * STEP_MS) / 60_000);
  // The running step is not over: its rate would always look like a fall.
  const whole = steps.slice(0, -1);
  const series = (kind: ActivityKind, name: string, color: Series["color"]): Series => ({
    name,
    color,
    values: whole.map((step) => step[kind] * PER_SECOND),
  });
  return html`
    ${tiles(parts, readiness, whole)}
    <div class="grid2">
      <section class="card">${plot(
        "Requests",
        [series("requests", "answered", "a"), series("errors", "errors", "b")],
        minutes,
      )}</section>
      <section class="card">${plot(
        "Turned away",
        [series("denied", "refused", "b")],
        minutes,
      )}</section>
      <section class="card">${plot(
        "Sign-ins",
        [series("signIns", "signed in", "c"), series("signInsFailed", "failed", "b")],
        minutes,
      )}</section>
      <section class="card">${plot(
        "Refreshes",
        [series("refreshes", "refreshed", "a")],
        minutes,
      )}</section>
    </div>
    <div class="grid2">
      <section class="card"><h2>Refusals by reason</h2>${refusals(parts)}</section>
      <section class="card"><h2>Upstreams</h2>${upstreams(parts)}</section>
      <section class="card"><h2>Identity and issuers</h2>${issuers(parts)}</section>
      <section class="card"><h2>Keys</h2>${keys(parts)}</section>
    </div>
    <section class="card">
      <h2>Last audit events</h2>
      ${eventsTable(parts.recent.read(12))}
    </section>
  `;
}

function tiles(parts: AdminParts, readiness: Readiness, steps: readonly ActivityStep[]): Html {
  const view = parts.view();
  const ageSeconds = view.ageMs / 1000;
  const lastMinute = steps.slice(-12);
  const rate = (kind: ActivityKind) =>
    lastMinute.reduce((sum, step) => sum + step[kind], 0) / Math.max(1, lastMinute.length) *
    PER_SECOND;
  const targets = parts.upstreams().flatMap((upstream) => upstream.targets);
  const resting = targets.filter(({ healthy }) => !healthy).length;
  const each = (name: string, value: string, unit: string, isBad = false) =>
    html`
      <div class="tile ${isBad ? "bad" : ""}">
        <dt>${name}</dt>
        <dd>${value} <small>${unit}</small></dd>
      </div>
    `;
  return html`<dl class="tiles">
    ${
    each(
      "State",
      readiness.ready ? "Ready" : "Not ready",
      readiness.ready ? "" : readiness.why
        .replaceAll("_", " "),
      !readiness.ready,
    )
  }
    ${each("Requests", amount(rate("requests")), "per second")}
    ${each("Turned away", amount(rate("denied")), "per second")}
    ${each("Sign-ins", amount(rate("signIns") * 60), "per minute")}
    ${
    each(
      "Revocation lag",
      Number.isFinite(ageSeconds) ? ageSeconds.toFixed(1) : "–",
      "seconds",
      !(ageSeconds <=
        5),
    )
  }
    ${each("On the blacklist", amount(view.entries), "entries")}
    ${each("Targets at rest", String(resting), `of ${targets.length}`, resting > 0)}
  </dl>`;
}

function refusals(parts: AdminParts): Html {
  const found = parts.activity.refusals();
  const [, most = 1] = found[0] ?? [];
  if (found.length === 0) return html`<p class="empty">Nobody was turned away.</p>`;
  return html`<ul class="bars">${
    found.slice(0, 8).map(([code, count]) =>
      html`<li><code>${code}</code><span class="number">${amount(count)}</span>
      <meter min="0" max="${most}" value="${count}" aria-label="${code}: ${count}"></meter></li>`
    )
  }</ul>`;
}

function upstreams(parts: AdminParts): Html {
  const rows = parts.upstreams().flatMap(({ name, targets }) =>
    targets.map(({ origin, healthy, restsForSeconds, inFlight }) => [
      name,
      html`<code>${origin}</code>`,
      healthy ? badge("good", "healthy") : badge(
        "bad",
        restsForSeconds === null ? "unhealthy" : `rests ${amount(restsForSeconds)} s`,
      ),
      html`<span class="number">${inFlight}</span>`,
    ])
  );
  return table("Upstreams", ["Name", "Target", "Health", "Under way"], rows, "There are none.");
}

function issuers(parts: AdminParts): Html {
  const rows = parts.issuers().map(({ name, kind, url, keysAgeSeconds, problem }) => [
    name,
    kind,
    url === null ? "–" : html`<code>${url}</code>`,
    problem !== null
      ? badge("bad", problem)
      // Their keys are fetched when they are first needed.
      : keysAgeSeconds === null && (kind === "provider" || kind === "issuer")
      ? badge("quiet", "not asked yet")
      : badge("good", "ok"),
  ]);
  return table("Identity and issuers", ["Name", "Kind", "Where", "State"], rows, "There are none.");
}

function keys(parts: AdminParts): Html {
  const rows = keysOf(parts).map(({ kid, alg, signs, lastVerifiedAt, unused }) => [
    html`<code>${kid}</code>`,
    alg,
    signs
      ? badge("good", "signs")
      : unused
      ? badge("quiet", "unused for a day")
      : badge("quiet", "verifies"),
    lastVerifiedAt === null ? "not yet" : lastVerifiedAt.slice(0, 19).replace("T", " "),
  ]);
  return table("Keys", ["Key", "Algorithm", "Use", "Last verified"], rows, "There are none.");
}
