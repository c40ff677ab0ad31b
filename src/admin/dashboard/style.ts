/**
 * How the dashboard looks, light and dark.
 *
 * @module
 */

/** One style sheet for all pages. */
export const STYLE = `
* { box-sizing: border-box; }
:root {
  --page: #f4f5f3; --card: #ffffff; --ink: #1b1f1d; --quiet: #565e5a; --line: #d6dbd8;
  --accent: #17603a; --on-accent: #ffffff; --a: #1f6fb2; --b: #b3321f; --c: #17603a;
  --bad: #a1151b; --bad-page: #fdeeee; --good: #17603a; --good-page: #e6f3eb; --field: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101311; --card: #191d1b; --ink: #edf1ee; --quiet: #a5aea9; --line: #343b37;
    --accent: #a5dcbb; --on-accent: #0d1f14; --a: #7db9ee; --b: #ff9a8a; --c: #8fd3a9;
    --bad: #ffb4b0; --bad-page: #3a1b1b; --good: #a5dcbb; --good-page: #16301f; --field: #101311;
  }
}
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
.bar {
  display: flex; flex-wrap: wrap; align-items: center; gap: 8px 20px; padding: 12px 24px;
  background: var(--card); border-bottom: 1px solid var(--line);
}
.name { display: flex; align-items: center; gap: 10px; color: inherit; font-weight: 650; text-decoration: none; }
.mark {
  display: grid; place-items: center; width: 28px; height: 28px; border-radius: 8px;
  background: var(--accent); color: var(--on-accent); font-size: 15px;
}
nav { display: flex; flex-wrap: wrap; gap: 4px; }
nav a { padding: 6px 12px; border-radius: 8px; color: inherit; text-decoration: none; }
nav a:hover { background: var(--page); }
nav a[aria-current] { background: var(--good-page); color: var(--good); font-weight: 600; }
.version { margin-left: auto; color: var(--quiet); font-size: 13px; }
main { max-width: 1280px; margin: 0 auto; padding: 24px; }
h1 { margin: 0 0 20px; font-size: 24px; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { margin: 0 0 12px; font-size: 16px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(136px, 1fr)); gap: 12px; margin: 0 0 16px; padding: 0; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.tile { padding: 14px 16px; }
.tile dt { color: var(--quiet); font-size: 13px; }
.tile dd { margin: 2px 0 0; font-size: 24px; font-weight: 600; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.tile dd small { display: block; min-height: 1.5em; color: var(--quiet); font-size: 13px; font-weight: 400; letter-spacing: 0; }
.tile.bad dd { color: var(--bad); }
.grid2 { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 16px; margin: 0 0 16px; }
.card { min-width: 0; padding: 18px 20px; margin: 0 0 16px; }
.grid2 > .card { margin: 0; }
.plot { margin: 0; }
.plot figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 4px 16px; margin: 0 0 10px; font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 14px; color: var(--quiet); font-size: 13px; font-weight: 400; }
.swatch { display: inline-block; width: 10px; height: 10px; margin-right: 6px; border-radius: 3px; }
.swatch.a { background: var(--a); } .swatch.b { background: var(--b); } .swatch.c { background: var(--c); }
.plot svg { display: block; width: 100%; height: 120px; }
.grid { stroke: var(--line); stroke-dasharray: 2 4; vector-effect: non-scaling-stroke; }
.axis { stroke: var(--line); vector-effect: non-scaling-stroke; }
.line { fill: none; stroke-width: 1.75; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.line.a { stroke: var(--a); } .line.b { stroke: var(--b); } .line.c { stroke: var(--c); }
.area { opacity: .14; }
.area.a { fill: var(--a); } .area.b { fill: var(--b); } .area.c { fill: var(--c); }
.scale { display: flex; justify-content: space-between; margin: 4px 0 0; color: var(--quiet); font-size: 12px; }
.bars { list-style: none; margin: 0; padding: 0; }
.bars li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 12px; padding: 5px 0; }
.bars code { overflow-wrap: anywhere; }
.bars meter { grid-column: 1 / -1; width: 100%; height: 8px; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 14px; }
th, td { padding: 8px 12px 8px 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--quiet); font-size: 13px; font-weight: 500; white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
td { min-width: 9ch; overflow-wrap: anywhere; }
.facts { display: block; min-width: 280px; }
td code, p code { overflow-wrap: anywhere; }
td time, td .number { white-space: nowrap; font-variant-numeric: tabular-nums; }
code, pre { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { overflow: auto; max-height: 70vh; margin: 0; padding: 16px; border: 1px solid var(--line); border-radius: 8px; background: var(--page); }
.empty, .quiet { color: var(--quiet); }
.empty { margin: 0; }
.badge { display: inline-block; padding: 1px 10px; border-radius: 99px; font-size: 13px; font-weight: 600; white-space: nowrap; }
.badge.good { background: var(--good-page); color: var(--good); }
.badge.bad { background: var(--bad-page); color: var(--bad); }
.badge.quiet { background: var(--page); color: var(--quiet); }
form.search { display: flex; flex-wrap: wrap; gap: 12px; align-items: end; margin: 0 0 20px; }
label { display: block; margin: 0 0 4px; font-size: 13px; font-weight: 600; }
input, select {
  min-height: 40px; width: 100%; padding: 6px 12px; border: 1px solid var(--quiet); border-radius: 8px;
  background: var(--field); color: inherit; font: inherit;
}
.field { flex: 1 1 180px; }
button, .button {
  display: inline-block; min-height: 40px; padding: 7px 16px; border: 1px solid transparent; border-radius: 8px;
  background: var(--accent); color: var(--on-accent); font: inherit; font-weight: 600; text-decoration: none; cursor: pointer;
}
button.plain, .button.plain { background: transparent; border-color: var(--quiet); color: inherit; font-weight: 500; }
button.danger { background: var(--bad); color: var(--card); }
button[aria-pressed="true"] { border-color: var(--good); color: var(--good); background: var(--good-page); }
.small { min-height: 32px; padding: 3px 12px; font-size: 14px; }
.actions { display: flex; flex-wrap: wrap; gap: 12px; margin: 20px 0 0; }
.note { margin: 0 0 16px; padding: 12px 16px; border: 1px solid; border-radius: 10px; }
.note.good { background: var(--good-page); color: var(--good); }
.note.bad { background: var(--bad-page); color: var(--bad); }
.note ul { margin: 6px 0 0; padding-left: 20px; }
main a { color: var(--a); }
main a.button { color: var(--on-accent); } main a.button.plain { color: inherit; }
:focus-visible { outline: 3px solid var(--a); outline-offset: 2px; }
@media (max-width: 560px) { main { padding: 16px; } .bar { padding: 12px 16px; } }
`.replace(/\n\s*/g, " ");
