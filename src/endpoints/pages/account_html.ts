/**
 * The page of one's own devices. It has no script at all.
 *
 * @module
 */
import { html } from "hono/html";
import type { SessionRecord } from "../../base/session.ts";
import { describeDevice } from "./device.ts";
import { layout } from "./layout_html.ts";
import type { Brand, Html } from "./layout_html.ts";
import { fill } from "./texts.ts";
import type { Texts } from "./texts.ts";

/** Renders the page. */
export function accountPage(options: {
  readonly brand: Brand;
  readonly texts: Texts;
  readonly nonce: string;
  /** `/auth/account`: forms are posted below it. */
  readonly action: string;
  readonly csrfToken: string;
  readonly subject: string;
  readonly currentSid: string;
  readonly sessions: readonly SessionRecord[];
  readonly ended: boolean;
}): Html {
  const { brand, texts, nonce, action, csrfToken, subject, currentSid, ended } = options;
  // This device first.
  const sessions = [...options.sessions].sort((a, b) =>
    Number(b.sid === currentSid) - Number(a.sid === currentSid) || b.lastSeenAtMs - a.lastSeenAtMs
  );
  const token = html`<input type="hidden" name="csrf_token" value="${csrfToken}">`;
  return layout(
    {
      brand,
      language: texts.language,
      title: `${texts.account} – ${brand.name}`,
      nonce,
      wide: true,
    },
    html`
      <h1>${texts.account}</h1>
      <p class="quiet">${fill(texts.signedInAs, { subject })}</p>
      ${ended ? html`<p class="note good" role="status">${texts.ended}</p>` : ""}
      <ul class="devices">${sessions.map((session) => {
        const device = describeDevice(session.userAgent, texts);
        const isCurrent = session.sid === currentSid;
        return html`
          <li><div class="device"><strong>${device}</strong>${isCurrent
            ? html`
              <span class="badge">${texts.thisDevice}</span>
            `
            : ""}${session.bound === null ? "" : html`
            <span class="badge" title="${texts.boundMeans}">${texts.bound}</span>
          `}
          <dl><dt>${texts.signedInAt}</dt><dd>${time(session.createdAtMs, texts)}</dd>
          <dt>${texts.lastSeen}</dt><dd>${time(
            session.lastSeenAtMs,
            texts,
          )}</dd></dl></div>${isCurrent ? "" : html`
            <form method="post" action="${action}/end">${token}
            <input type="hidden" name="sid" value="${session.sid}">
            <button class="plain" aria-label="${fill(texts.endOf, { device })}">${texts
              .end}</button></form>
          `}</li>
        `;
      })}</ul>
      <div class="actions">
        <form method="post" action="${action}/sign-out">${token}<button>${texts
          .signOut}</button></form>
        <form method="post"
          action="${action}/sign-out-everywhere">${token}<button class="plain">${texts
            .signOutEverywhere}</button></form>
      </div>
      <a class="back" href="/">${fill(texts.back, { name: brand.name })}</a>
    `,
  );
}

/** UTC: without a script the page does not know where its reader is. */
function time(ms: number, texts: Texts): Html {
  const date = new Date(ms);
  const words = new Intl.DateTimeFormat(texts.language, {
    dateStyle: "medium",
    timeStyle: "short",
    timeZone: "UTC",
  }).format(date);
  return html`<time datetime="${date.toISOString()}">${words} UTC</time>`;
}
