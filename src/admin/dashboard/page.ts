/**
 * The document around every page of the dashboard.
 *
 * @module
 */
import { html, raw } from "hono/html";
import { STYLE } from "./style.ts";

/** A piece of HTML that is safe to be put into another. */
export type Html = ReturnType<typeof html>;

/** What is shown around the content. */
export interface Frame {
  readonly title: string;
  readonly path: string;
  readonly version: string;
  readonly nonce: string;
  /** Whether the page loads its content again every few seconds. */
  readonly live?: boolean;
}

const NAVIGATION = [
  { path: "/", name: "Overview" },
  { path: "/sessions", name: "Sessions" },
  { path: "/events", name: "Audit" },
  { path: "/configuration", name: "Configuration" },
];

/**
 * Takes the place of `main` with a newer one, as long as nobody is looking away, writing, or has
 * asked it to stop.
 */
const LIVE = `
const button = document.querySelector("#live");
let on = true;
button.addEventListener("click", () => {
  on = !on;
  button.setAttribute("aria-pressed", String(on));
});
setInterval(async () => {
  const main = document.querySelector("main");
  if (!on || document.hidden || main.contains(document.activeElement)) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
  if (answer === null || !answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  main.replaceWith(fresh.querySelector("main"));
}, 5000);
`;

/** A whole document. */
export function page(frame: Frame, content: Html): Html {
  const { title, path, version, nonce, live = false } = frame;
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="robots" content="noindex">
        <title>${title} · Postern</title>
        <style nonce="${nonce}">${raw(STYLE)}</style>
      </head>
      <body>
        <header class="bar">
          <a class="name" href="/"><span class="mark" aria-hidden="true">P</span>Postern</a>
          <nav aria-label="Pages">${NAVIGATION.map((each) =>
            html`<a href="${each.path}" ${
              each.path === path ? raw('aria-current="page"') : ""
            }>${each.name}</a>`
          )}</nav>
          <span class="version">${version}</span>
          ${live
            ? html`<button id="live" class="plain" type="button" aria-pressed="true">Live</button>`
            : ""}
        </header>
        <main>
          <h1>${title}</h1>
          ${content}
        </main>
        ${live ? html`<script nonce="${nonce}">${raw(LIVE)}</script>` : ""}
      </body>
    </html>
  `;
}

/** A table that scrolls for itself on a narrow screen; `empty` stands where there is no row. */
export function table(
  label: string,
  heads: readonly string[],
  rows: readonly (readonly (Html | string)[])[],
  empty: string,
): Html {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="${label}">
      <table>
        <thead>
          <tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr>
        </thead>
        <tbody>${rows.map((cells) =>
          html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`
        )}</tbody>
      </table>
    </div>
  `;
}

/** A word with the colour of what it means. */
export function badge(kind: "good" | "bad" | "quiet", text: string): Html {
  return html`<span class="badge ${kind}">${text}</span>`;
}

/** A time, short for people and whole for programs. */
export function timeOf(ms: number): Html {
  const whole = new Date(ms).toISOString();
  return html`<time datetime="${whole}">${whole.slice(0, 19).replace("T", " ")}</time>`;
}
