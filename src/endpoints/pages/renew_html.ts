/**
 * The page on which a browser proves the key of its session, and goes on by itself.
 *
 * @module
 */
import { html, raw } from "hono/html";
import { layout } from "./layout_html.ts";
import type { Brand, Html } from "./layout_html.ts";
import type { Texts } from "./texts.ts";

/** Renders the page. */
export function renewPage({ brand, texts, nonce, client, returnTo, signIn }: {
  readonly brand: Brand;
  readonly texts: Texts;
  readonly nonce: string;
  /** Path of the script for front ends, which has the key. */
  readonly client: string;
  readonly returnTo: string;
  /** Where it leads without a script, or without the key. */
  readonly signIn: string;
}): Html {
  return layout(
    { brand, language: texts.language, title: `${texts.renewing} – ${brand.name}`, nonce },
    html`
      <h1>${texts.renewing}</h1>
      <p class="note bad" role="alert" hidden>${texts.unavailable}</p>
      <p><a class="button full plain" href="${signIn}">${texts.signInAgain}</a></p>
      <noscript><meta http-equiv="refresh" content="0; url=${signIn}"></noscript>
      <script
        type="module"
        nonce="${nonce}"
        data-client="${client}"
        data-return-to="${returnTo}"
        data-sign-in="${signIn}"
      >${raw(SCRIPT)}</script>
    `,
  );
}

/** An outage is no reason to sign in again: then the page says so, and stays. */
const SCRIPT = `
const { client, returnTo, signIn } = document.querySelector("script[data-client]").dataset;
const { createPostern } = await import(client);
const postern = createPostern();
const session = await postern.ready;
if (session) location.replace(returnTo);
else if (postern.known()) location.replace(signIn);
else document.querySelector("[role=alert]").hidden = false;
`;
