/**
 * The sign-in page. It has no script at all.
 *
 * @module
 */
import { html } from "hono/html";
import type { OidcReason } from "../oidc/reasons.ts";
import { layout } from "./layout_html.ts";
import type { Brand, Html } from "./layout_html.ts";
import { fill } from "./texts.ts";
import type { TextName, Texts } from "./texts.ts";

/** What the page has to say before it is filled in (again). */
export type SignInNotice =
  | { readonly kind: "none" | "expired" | "signed_out" }
  | { readonly kind: "wrong" | "missing" | "unavailable" | "refused" | "too_large" }
  /** The store could not be told. */
  | { readonly kind: "signed_out_here" }
  | { readonly kind: "throttled"; readonly retryAfterSeconds: number }
  /** A sign-in at a provider did not end signed in. */
  | { readonly kind: "provider"; readonly reason: OidcReason; readonly label: string };

/** A provider's button. */
export interface ProviderButton {
  readonly label: string;
  /** Same-origin path, https or data URL. */
  readonly icon: string | null;
  readonly href: string;
  /** It did not answer when it was last asked. */
  readonly isFailing: boolean;
}

/** Renders the page. */
export function signInPage(options: {
  readonly brand: Brand;
  readonly texts: Texts;
  readonly nonce: string;
  readonly returnTo: string;
  readonly username: string;
  readonly notice: SignInNotice;
  /** Whether anybody signs in with a password. */
  readonly hasPassword: boolean;
  readonly providers: readonly ProviderButton[];
}): Html {
  const { brand, texts, nonce, notice, hasPassword, providers } = options;
  const title = fill(texts.signInTo, { name: brand.name });
  const message = messageOf(notice, texts);
  const isBad = !["none", "expired", "signed_out"].includes(notice.kind);
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
      ${hasPassword ? passwordForm(options) : ""}
      ${hasPassword && providers.length > 0 ? html`<p class="or"><span>${texts.or}</span></p>` : ""}
      ${providers.length === 0
        ? ""
        : html`<ul class="providers">${
          providers.map((each) => providerButton(each, texts, isSaid(each, notice)))
        }</ul>`}
    `,
  );
}

/**
 * Without an `action` it is posted to the address of the page itself, `#fragment` and
 * all, and browsers keep that through the redirect: an app whose pages are told apart
 * by fragments opens where somebody wanted to go.
 */
function passwordForm({ texts, returnTo, username, notice }: {
  readonly texts: Texts;
  readonly returnTo: string;
  readonly username: string;
  readonly notice: SignInNotice;
}): Html {
  const isInvalid = notice.kind === "wrong" || notice.kind === "missing";
  const marks = isInvalid ? html`aria-invalid="true" aria-describedby="notice"` : "";
  // After a wrong password the name is there already.
  const focusPassword = username !== "";
  return html`
    <form method="post">
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
  `;
}

/** Whether the page says at its top already that a provider is out of reach. */
function isSaid({ label }: ProviderButton, notice: SignInNotice): boolean {
  return notice.kind === "provider" && notice.reason === "provider_unavailable" &&
    notice.label === label;
}

function providerButton(
  { label, icon, href, isFailing }: ProviderButton,
  texts: Texts,
  isSaidAlready: boolean,
): Html {
  return html`
    <li><a class="button plain provider" href="${href}">${icon === null
      ? html`<span class="dot" aria-hidden="true">${label.slice(0, 1).toUpperCase()}</span>`
      : html`<img src="${icon}" alt="" width="24" height="24">`}<span>${fill(texts.signInWith, {
        provider: label,
      })}</span></a>${isFailing && !isSaidAlready
      ? html`<p class="quiet small">${texts.notAvailable}</p>`
      : ""}</li>
  `;
}

function messageOf(notice: SignInNotice, texts: Texts): string {
  switch (notice.kind) {
    case "none":
      return "";
    case "expired":
      return texts.expired;
    case "signed_out":
      return texts.signedOut;
    case "signed_out_here":
      return texts.signedOutHere;
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
    case "provider":
      return fill(texts[TEXT_OF_REASON[notice.reason]], { provider: notice.label });
  }
}

const TEXT_OF_REASON: Readonly<Record<OidcReason, TextName>> = {
  access_denied: "accessDenied",
  login_required: "loginRequired",
  step_up_failed: "stepUpFailed",
  provider_unavailable: "providerUnavailable",
  sign_in_failed: "providerFailed",
  start_again: "startAgain",
  not_allowed: "notAllowed",
  email_unverified: "emailUnverified",
  groups_overage: "groupsOverage",
  store_unavailable: "unavailable",
  claims_too_large: "tooLarge",
};
