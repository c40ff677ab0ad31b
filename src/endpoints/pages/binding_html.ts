/**
 * The page on which a browser binds its session, and goes on by itself.
 *
 * @module
 */
import { html, raw } from "hono/html";
import { layout } from "./layout_html.ts";
import type { Brand, Html } from "./layout_html.ts";
import type { Texts } from "./texts.ts";

/** Renders the page. */
export function bindingPage({ brand, texts, nonce, client, session, returnTo, signIn }: {
  readonly brand: Brand;
  readonly texts: Texts;
  readonly nonce: string;
  /** Path of the script for front ends, which binds what the browser does not. */
  readonly client: string;
  /** Path that says how the session is bound. */
  readonly session: string;
  readonly returnTo: string;
  /** Where it leads when the session is over. */
  readonly signIn: string;
}): Html {
  return layout(
    { brand, language: texts.language, title: `${texts.renewing} – ${brand.name}`, nonce },
    html`
      <h1>${texts.renewing}</h1>
      <p class="note bad" role="alert" hidden>${texts.bindingFailed}</p>
      <noscript><p class="note bad" role="alert">${texts.bindingFailed}</p></noscript>
      <script
        type="module"
        nonce="${nonce}"
        data-client="${client}"
        data-session="${session}"
        data-return-to="${returnTo}"
        data-sign-in="${signIn}"
      >${raw(SCRIPT)}</script>
    `,
  );
}

/** The browser has bound it within a second, or else `client.js` does within some. */
const SCRIPT = `
const { client, session, returnTo, signIn } =
  document.querySelector("script[data-client]").dataset;
const { createPostern } = await import(client);
createPostern();
for (let left = 30; left > 0; left--) {
  const response = await fetch(session, { cache: "no-store" }).catch(() => null);
  if (response?.status === 401) location.replace(signIn);
  if (response?.ok && (await response.json()).bound) location.replace(returnTo);
  await new Promise((resolve) => setTimeout(resolve, 500));
}
document.querySelector("[role=alert]").hidden = false;
`;
