/**
 * The page between a sign-out here and the one at the provider. It has no script at all.
 *
 * @module
 */
import { html } from "hono/html";
import { layout } from "./layout_html.ts";
import type { Brand, Html } from "./layout_html.ts";
import type { Texts } from "./texts.ts";

/** Renders the page; the browser goes on to `url` by itself. */
export function leavePage({ brand, texts, nonce, url }: {
  readonly brand: Brand;
  readonly texts: Texts;
  readonly nonce: string;
  readonly url: string;
}): Html {
  return layout(
    {
      brand,
      language: texts.language,
      title: `${texts.signingOut} – ${brand.name}`,
      nonce,
      onward: url,
    },
    html`
      <h1>${texts.signingOut}</h1>
      <p><a class="button full" href="${url}">${texts.signOutAt}</a></p>
    `,
  );
}
