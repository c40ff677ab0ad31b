/**
 * The sign-in page. It has no script at all.
 *
 * @module
 */
import { html } from "hono/html";
import { layout } from "./layout_html.ts";
import type { Brand, Html } from "./layout_html.ts";
import { fill } from "./texts.ts";
import type { Texts } from "./texts.ts";

/** What the page has to say before it is filled in (again). */
export type SignInNotice =
  | { readonly kind: "none" | "expired" | "signed_out" }
  | { readonly kind: "wrong" | "missing" | "unavailable" | "refused" | "too_large" }
  | { readonly kind: "throttled"; readonly retryAfterSeconds: number };

/** Renders the page. */
export function signInPage(options: {
  readonly brand: Brand;
  readonly texts: Texts;
  readonly nonce: string;
  readonly action: string;
  readonly returnTo: string;
  readonly username: string;
  readonly notice: SignInNotice;
}): Html {
  const { brand, texts, nonce, action, returnTo, username, notice } = options;
  const title = fill(texts.signInTo, { name: brand.name });
  const message = messageOf(notice, texts);
  const isBad = !["none", "expired", "signed_out"].includes(notice.kind);
  const isInvalid = notice.kind === "wrong" || notice.kind === "missing";
  const marks = isInvalid ? html`aria-invalid="true" aria-describedby="notice"` : "";
  // After a wrong password the name is there already.
  const focusPassword = username !== "";
  return layout(
    { brand, language: texts.language, title: isBad ? `${message} – ${title}` : title, nonce },
    html`
      <h1>${title}</h1>
      ${texts.hint === "" ? "" : html`<p class="quiet">${texts.hint}</p>`}
      ${message === ""
        ? ""
        : isBad
        ? html`<p class="note bad" id="notice" role="alert">${message}</p>`
        : html`<p class="note good" id="notice" role="status">${message}</p>`}
      <form method="post" action="${action}">
        <input type="hidden" name="return_to" value="${returnTo}">
        <label for="username">${texts.username}</label>
        <input id="username" name="username" value="${username}" autocomplete="username"
          autocapitalize="none" autocorrect="off" spellcheck="false" required maxlength="256" ${marks}
          ${focusPassword ? "" : "autofocus"}>
        <label for="password">${texts.password}</label>
        <input id="password" name="password" type="password" autocomplete="current-password" required
          maxlength="1024" ${marks} ${focusPassword ? "autofocus" : ""}>
        <button class="full">${texts.signIn}</button>
      </form>
    `,
  );
}

function messageOf(notice: SignInNotice, texts: Texts): string {
  switch (notice.kind) {
    case "none":
      return "";
    case "expired":
      return texts.expired;
    case "signed_out":
      return texts.signedOut;
    case "wrong":
      return texts.wrong;
    case "missing":
      return texts.missing;
    case "unavailable":
      return texts.unavailable;
    case "refused":
      return texts.refused;
    case "too_large":
      return texts.tooLarge;
    case "throttled":
      return fill(texts.throttled, { minutes: Math.ceil(notice.retryAfterSeconds / 60) });
  }
}
