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

/**
 * The browser has bound it within a second, or else `client.js` does within some. A token that
 * was minted before does not say so yet: where the script has the key it gets the next one, and
 * nobody is sent in a circle faster than the browser's own renewal can end it.
 */
const SCRIPT = `
const { client, session, returnTo, signIn } =
  document.querySelector("script[data-client]").dataset;
const { createPostern } = await import(client);
const postern = createPostern();
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const go = async (to) => {
  try {
    if (Date.now() - Number(sessionStorage.getItem(session)) < 10_000) await pause(5_000);
    sessionStorage.setItem(session, String(Date.now()));
  } catch {
    // Without storage nobody can say whether it went in a circle.
  }
  location.replace(to);
};
for (let left = 30; left > 0; left--) {
  const response = await fetch(session, { cache: "no-store" }).catch(() => null);
  if (response?.status === 401) await go(signIn);
  if (response?.ok && (await response.json()).bound) {
    await postern.refresh();
    await go(returnTo);
  }
  await pause(500);
}
document.querySelector("[role=alert]").hidden = false;
`;
