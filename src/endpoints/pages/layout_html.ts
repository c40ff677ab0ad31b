/**
 * What all pages have in common: the document, its style, its brand.
 *
 * @module
 */
import { html, raw } from "hono/html";

/** How the pages look; from `pages` of the configuration. */
export interface Brand {
  readonly name: string;
  /** Same-origin path, https or data URL. */
  readonly logo: string | null;
  /** `#rrggbb` */
  readonly color: string;
}

/** A piece of HTML that is safe to be put into another. */
export type Html = ReturnType<typeof html>;

/** A whole document. `nonce` is what its Content-Security-Policy allows to style it. */
export function layout(
  options: {
    readonly brand: Brand;
    readonly language: string;
    readonly title: string;
    readonly nonce: string;
    readonly wide?: boolean;
    /** Where the browser goes on by itself, at once. */
    readonly onward?: string;
  },
  content: Html,
): Html {
  const { brand, language, title, nonce } = options;
  return html`
    <!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="robots" content="noindex">
        ${options.onward === undefined
          ? ""
          : html`<meta http-equiv="refresh" content="0; url=${options.onward}">`}
        <title>${title}</title>
        <style
          nonce="${nonce}">:root { --brand: ${brand.color}; --on-brand: ${textOn(
            brand.color,
          )}; } ${raw(STYLE)}</style>
      </head>
      <body>
        <main class="${options.wide === true ? "wide" : ""}">
    <header>${brand.logo === null
      ? html`<span class="mark" aria-hidden="true">${brand.name.slice(0, 1).toUpperCase()}</span>`
      : html`<img src="${brand.logo}" alt="" height="44">`}<span class="name">${brand
      .name}</span></header>
    ${content}
        </main>
      </body>
    </html>
  `;
}

/** Black or white, whichever is easier to read on a colour (WCAG 2.2 relative luminance). */
function textOn(color: string): string {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((start) => {
    const channel = Number.parseInt(color.slice(start, start + 2), 16) / 255;
    return channel <= 0.03928 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? "#ffffff" : "#000000";
}

const STYLE = `
* { box-sizing: border-box; }
:root {
  --page: #f4f5f3; --card: #ffffff; --ink: #1b1f1d; --quiet: #59615d; --line: #c9cfcb;
  --field: #ffffff; --bad: #a1151b; --bad-page: #fdeeee; --good: #17603a; --good-page: #ebf6ef;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121513; --card: #1b1f1d; --ink: #edf1ee; --quiet: #a5aea9; --line: #4a524e;
    --field: #121513; --bad: #ffb4b0; --bad-page: #3a1b1b; --good: #a5dcbb; --good-page: #16301f;
  }
}
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; align-items: center;
  padding: 24px 16px; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
main {
  width: 100%; max-width: 400px; margin: 0 auto; padding: 32px; background: var(--card);
  border: 1px solid var(--line); border-radius: 16px;
}
main.wide { max-width: 640px; }
header { display: flex; align-items: center; gap: 12px; margin: 0 0 28px; font-weight: 600; }
header img { display: block; max-width: 160px; }
.mark {
  display: grid; place-items: center; width: 40px; height: 40px; border-radius: 10px;
  background: var(--brand); color: var(--on-brand); font-size: 20px;
}
.name { overflow-wrap: anywhere; }
h1 { margin: 0 0 8px; font-size: 24px; line-height: 1.25; letter-spacing: -.01em; overflow-wrap: anywhere; }
p { margin: 0 0 20px; }
.quiet { color: var(--quiet); overflow-wrap: anywhere; }
form { margin: 0; }
label { display: block; margin: 20px 0 6px; font-weight: 600; }
input {
  width: 100%; min-height: 48px; padding: 10px 14px; border: 1px solid var(--quiet);
  border-radius: 10px; background: var(--field); color: inherit; font: inherit;
}
input[aria-invalid="true"] { border-color: var(--bad); border-width: 2px; }
button, .button {
  display: inline-block; min-height: 48px; padding: 11px 20px; border: 1px solid transparent;
  border-radius: 10px; background: var(--brand); color: var(--on-brand); font: inherit;
  font-weight: 600; text-align: center; text-decoration: none; cursor: pointer;
}
button.plain, .button.plain { background: transparent; border-color: var(--quiet); color: inherit; }
button:hover, .button:hover { filter: brightness(1.08); }
:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px; }
.full { width: 100%; margin-top: 28px; }
.or { display: flex; align-items: center; gap: 12px; margin: 24px 0; color: var(--quiet); font-size: 14px; }
.or::before, .or::after { content: ""; flex: 1; border-top: 1px solid var(--line); }
ul.providers { list-style: none; margin: 24px 0 0; padding: 0; display: grid; gap: 12px; }
.or + ul.providers { margin-top: 0; }
.provider { display: flex; align-items: center; justify-content: center; gap: 12px; width: 100%; padding: 11px 14px; overflow-wrap: anywhere; text-wrap: balance; }
.provider img { flex: none; object-fit: contain; }
.dot {
  flex: none; display: grid; place-items: center; width: 24px; height: 24px; border-radius: 6px;
  background: var(--brand); color: var(--on-brand); font-size: 14px;
}
.small { margin: 6px 0 0; font-size: 14px; }
.note { margin: 20px 0 0; padding: 12px 16px; border-radius: 10px; border: 1px solid; }
.note.bad { background: var(--bad-page); color: var(--bad); }
.note.good { background: var(--good-page); color: var(--good); }
ul.devices { list-style: none; margin: 24px 0; padding: 0; }
ul.devices li {
  display: flex; flex-wrap: wrap; gap: 12px 16px; align-items: center; justify-content: space-between;
  padding: 16px 0; border-top: 1px solid var(--line);
}
ul.devices li:last-child { border-bottom: 1px solid var(--line); }
.device { flex: 1 1 220px; min-width: 0; }
.device strong { overflow-wrap: anywhere; margin-right: 8px; }
.device dl { margin: 4px 0 0; display: grid; grid-template-columns: max-content 1fr; gap: 0 12px; color: var(--quiet); font-size: 14px; }
.device dd { margin: 0; }
.badge {
  display: inline-block; margin: 0 8px 2px 0; padding: 1px 10px; border-radius: 99px; font-size: 13px;
  font-weight: 600; background: var(--good-page); color: var(--good); white-space: nowrap;
}
.actions { display: flex; flex-wrap: wrap; gap: 12px; }
.back { display: inline-block; margin-top: 24px; color: inherit; }
@media (max-width: 440px) {
  body { padding: 0; align-items: start; background: var(--card); }
  main { padding: 24px 20px; border: 0; border-radius: 0; }
  .actions form, .actions button { width: 100%; }
}
@media (prefers-reduced-motion: no-preference) { button, .button { transition: filter .15s; } }
`.replace(/\n\s*/g, " ");
