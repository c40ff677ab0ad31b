/**
 * Sessions: search, show, end.
 *
 * @module
 */
import { html } from "hono/html";
import type { SessionsPage, SessionView } from "../sessions.ts";
import { type Html, table } from "./page.ts";

/** What was searched for; empty fields search for nothing. */
export interface Search {
  readonly subject: string;
  readonly ip: string;
  readonly provider: string;
}

/** The search form and what it found. */
export function sessionsPage(search: Search, found: SessionsPage, said: Html | ""): Html {
  const { subject, ip, provider } = search;
  const more = new URLSearchParams(
    Object.entries({ subject, ip, provider, after: found.next ?? "" }).filter(([, value]) =>
      value !== ""
    ),
  );
  return html`
    ${said}
    <section class="card">
      <form class="search" method="get" action="/sessions" role="search">
        ${field("subject", "Subject", subject)} ${field("ip", "Address", ip)}
        ${field("provider", "Provider", provider)}
        <button type="submit">Search</button>
        <a class="button plain" href="/sessions">All</a>
      </form>
      ${table(
        "Sessions",
        [
          "Subject",
          "Provider",
          "Signed in (UTC)",
          "Last seen (UTC)",
          "Address",
          "Device",
          "Bound",
          "Session",
          "End it",
        ],
        found.sessions.map(row),
        found.next === null ? "No session was found." : "None on this page; go on to the next.",
      )}
      <div class="actions">
        ${found.next === null
          ? ""
          : html`<a class="button plain" href="/sessions?${more}">Next page</a>`}
        ${subject === "" ? "" : html`<a class="button plain" href="/end?${new URLSearchParams({
          subject,
        })}">End all of ${subject}…</a>`}
        <a class="button plain" href="/end">End everything before a time…</a>
      </div>
    </section>
  `;
}

function field(name: string, label: string, value: string): Html {
  return html`<div class="field"><label for="${name}">${label}</label>
    <input id="${name}" name="${name}" value="${value}" autocomplete="off" spellcheck="false"></div>`;
}

function row(session: SessionView): (Html | string)[] {
  return [
    html`<a href="/sessions?${new URLSearchParams({
      subject: session.subject,
    })}">${session.subject}</a>`,
    session.provider ?? "–",
    short(session.createdAt),
    short(session.lastSeenAt),
    html`<code>${session.ip}</code>`,
    session.userAgent.slice(0, 80),
    session.bound ?? "–",
    html`<code>${session.sid}</code>`,
    html`<form method="post" action="/end">
      <input type="hidden" name="sid" value="${session.sid}">
      <button class="plain small" type="submit" aria-label="End the session of ${session.subject} from ${session.ip}">End</button></form>`,
  ];
}

function short(time: string): Html {
  return html`<time datetime="${time}">${time.slice(0, 19).replace("T", " ")}</time>`;
}

/** Asks once more before many are ended; says how many there are. */
export function confirmEnd(
  what: { readonly subject: string } | { readonly issuedBefore: string },
  found: { readonly count: number | null; readonly atLeast: boolean },
): Html {
  const [[name, value] = ["", ""]] = Object.entries(what);
  const many = `${found.atLeast ? "at least " : ""}${found.count ?? 0}`;
  return html`
    <section class="card">
      <p>${"subject" in what
        ? html`This ends every session of <strong>${value}</strong>: ${many} at the moment.`
        : html`This ends every session that was opened at or before <strong>${value}</strong>, of
          everybody: ${many} at the moment.`}
        Whoever it is about has to sign in again. It holds on every instance within the staleness
        bound.</p>
      <form method="post" action="/end">
        <input type="hidden" name="${name}" value="${value}">
        <div class="actions">
          <button class="danger" type="submit">End ${many}</button>
          <a class="button plain" href="/sessions">Leave them</a>
        </div>
      </form>
    </section>
  `;
}

/** Asks before which time. */
export function askTime(now: string): Html {
  return html`
    <section class="card">
      <form class="search" method="get" action="/end">
        ${field("issuedBefore", "End everything that was issued at or before (UTC, ISO 8601)", now)}
        <button type="submit">How many are there?</button>
      </form>
    </section>
  `;
}
