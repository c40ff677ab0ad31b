/**
 * The dashboard: pages rendered on the server from what the admin API knows.
 *
 * @module
 */
import type { Context } from "hono";
import { html } from "hono/html";
import { type AdminEnv, iso, note, parse, queryOf, refuse } from "../endpoint.ts";
import type { AdminExtension } from "../app.ts";
import { readFields } from "../../http/body.ts";
import { countFor, endSelected, revocationBody, selectorOf } from "../revocations.ts";
import { listSessions, sessionsQuery } from "../sessions.ts";
import { eventsTable } from "./events.ts";
import { overview } from "./overview.ts";
import { type Html, page } from "./page.ts";
import { amount } from "./plot.ts";
import { askTime, confirmEnd, sessionsPage } from "./people.ts";

/** Serves the pages. */
export const dashboard: AdminExtension = (app, parts) => {
  async function show(
    c: Context<AdminEnv>,
    title: string,
    content: Html | Promise<Html>,
    options: { readonly live?: boolean; readonly status?: 200 | 400 | 422 } = {},
  ): Promise<Response> {
    const nonce = crypto.randomUUID();
    const { version } = parts.about;
    const frame = { title, path: c.req.path, version, nonce, live: options.live ?? false };
    c.header(
      "content-security-policy",
      `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; ` +
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    // With "no-referrer" a form's Origin would be "null", which the guard turns away.
    c.header("referrer-policy", "same-origin");
    return c.html(await page(frame, await content), options.status ?? 200);
  }

  app.get("/", async (c) => {
    const readiness = await parts.ready(c.env.waitUntil);
    return await show(c, "Overview", overview(parts, readiness), { live: true });
  });

  app.get("/events", async (c) =>
    await show(
      c,
      "Audit",
      html`<section class="card">${eventsTable(parts.recent.read(200))}</section>`,
      { live: true },
    ));

  app.get("/sessions", async (c) => {
    const query = queryOf(c);
    if ("problem" in query) return refuse(c, query.problem);
    const { ended, ...fields } = query.fields;
    const filled = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ""));
    const asked = parse(sessionsQuery, filled);
    if ("problem" in asked) return refuse(c, asked.problem);
    const { subject = "", ip = "", provider = "" } = filled;
    const said = ended === undefined
      ? ""
      // A number and no more: a link must not put words into our mouth.
      : html`<p class="note good" role="status">Ended: ${amount(Number(ended))}.</p>`;
    const found = await listSessions(parts, asked.value);
    return await show(c, "Sessions", sessionsPage({ subject, ip, provider }, found, said));
  });

  app.get("/end", async (c) => {
    const query = queryOf(c);
    if ("problem" in query) return refuse(c, query.problem);
    const { subject, issuedBefore } = query.fields;
    if (subject === undefined && issuedBefore === undefined) {
      return await show(c, "End many sessions", askTime(iso(parts.clock())));
    }
    const asked = parse(revocationBody, query.fields);
    if ("problem" in asked) return refuse(c, asked.problem);
    const { selector } = selectorOf(asked.value);
    const found = await countFor(parts, selector);
    const what = subject === undefined ? { issuedBefore: issuedBefore ?? "" } : { subject };
    return await show(c, "End many sessions", confirmEnd(what, found));
  });

  app.post("/end", async (c) => {
    const body = await readFields(c.req.raw);
    if (body.kind === "problem") return refuse(c, body.problem);
    const asked = parse(revocationBody, body.fields);
    if ("problem" in asked) return refuse(c, asked.problem);
    const outcome = await endSelected(c, parts, asked.value);
    if ("problem" in outcome) return refuse(c, outcome.problem);
    return c.redirect(`/sessions?ended=${outcome.found.count ?? 1}`, 303);
  });

  app.get("/configuration", async (c) => await show(c, "Configuration", configuration("")));

  app.post("/configuration/reload", async (c) => {
    const { reload } = parts.configuration;
    if (reload === null) return refuse(c, { code: "not_implemented" });
    const outcome = await reload();
    if (outcome.kind === "refused") {
      note(c, parts.events, "reload_refused");
      const said =
        html`<div class="note bad" role="alert">Nothing has changed. The new configuration
        can not be used:<ul>${outcome.problems.map((line) => html`<li>${line}</li>`)}</ul></div>`;
      return await show(c, "Configuration", configuration(said), { status: 422 });
    }
    note(c, parts.events, "reloaded", { hash: outcome.hash });
    const said = html`<p class="note good" role="status">${
      outcome.kind === "reloaded"
        ? "The new configuration is in force."
        : "The file says what is in force already."
    }</p>`;
    return await show(c, "Configuration", configuration(said));
  });

  function configuration(said: Html | ""): Html {
    const { configuration: current } = parts;
    return html`
      ${said}
      <section class="card">
        <p>In force since ${iso(current.sinceMs()).slice(0, 19).replace("T", " ")} UTC, SHA-256
          <code>${current.hash()}</code>. Secrets are left out.</p>
        ${current.reload === null
          ? ""
          : html`<form method="post" action="/configuration/reload"><button type="submit">Read it
            again</button></form>`}
      </section>
      <section class="card">
        <h2>postern.json</h2>
        <pre tabindex="0" role="region" aria-label="postern.json">${JSON.stringify(
          current.redacted(),
          null,
          2,
        )}</pre>
      </section>
    `;
  }
};
