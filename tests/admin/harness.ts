/**
 * The admin app over sessions that stand in a list: for what it says and whom it lets in. What it
 * does to a real gateway is tested in `tests/e2e/admin_test.ts`.
 *
 * @module
 */
import { type Admin, type AdminExtension, createAdmin } from "../../src/admin/app.ts";
import { createGuard, readAdminTokens } from "../../src/admin/guard.ts";
import type { AdminParts, ReloadOutcome, Selector } from "../../src/admin/ports.ts";
import type { SessionRecord } from "../../src/base/session.ts";
import { createActivity } from "../../src/telemetry/activity.ts";
import type { AuditEvent } from "../../src/telemetry/events.ts";
import { createGatewayMetrics } from "../../src/telemetry/metrics.ts";
import { createRecentEvents } from "../../src/telemetry/recent.ts";
import { createSmallMeter } from "../../src/telemetry/small_meter.ts";
import { createTestClock, type TestClock } from "../support/clock.ts";
import { newSession } from "../store/fixtures.ts";

export interface AdminHarness {
  readonly clock: TestClock;
  readonly events: AuditEvent[];
  readonly ended: Selector[];
  /** Asks a path; a body is sent as JSON. */
  ask(path: string, init?: RequestInit & { json?: unknown }): Promise<Response>;
  json(path: string, init?: RequestInit & { json?: unknown }): Promise<Answer>;
  fetch(request: Request): Promise<Response>;
  sessions: SessionRecord[];
}

// deno-lint-ignore no-explicit-any
export type Answer = { readonly status: number; readonly body: any };

export interface AdminSettings {
  readonly trustsPeers?: boolean;
  readonly tokens?: string;
  readonly parts?: Partial<AdminParts>;
  readonly extensions?: readonly AdminExtension[];
  readonly reload?: (() => Promise<ReloadOutcome>) | null;
}

/** The app alone, for those who serve it on a real port. */
export async function serveAdmin(
  settings: AdminSettings & { readonly port: number },
): Promise<AdminHarness & { stop(): Promise<void> }> {
  const harness = await adminHarness(settings);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: settings.port, onListen() {} },
    (request) => harness.fetch(request),
  );
  return { ...harness, stop: () => server.shutdown() };
}

/** An admin app with five sessions: three of ada's, two of bob's. */
export async function adminHarness(settings: AdminSettings = {}): Promise<AdminHarness> {
  const clock = createTestClock();
  const events: AuditEvent[] = [];
  const ended: Selector[] = [];
  const sessions = fiveSessions(clock);
  const parts: AdminParts = {
    about: { version: "1.2.3", runtime: "test" },
    startedAtMs: clock(),
    clock,
    guard: createGuard({
      trustsPeers: settings.trustsPeers ?? true,
      tokens: await readAdminTokens(settings.tokens),
    }),
    ready: () => Promise.resolve({ ready: true }),
    metrics: createGatewayMetrics(createSmallMeter(), { version: "1.2.3", runtime: "test" }),
    view: () => ({ ageMs: 900, entries: 2 }),
    sessions: {
      read: (sid) => Promise.resolve(sessions.find((each) => each.sid === sid) ?? null),
      // Two at a time, whatever is asked: a page may be short.
      list: ({ subject, ip, lastSeenBeforeMs, after }) => {
        const start = Number(after ?? 0);
        const found = sessions.slice(start, start + 2).filter((each) =>
          (subject === undefined || each.subject === subject) &&
          (ip === undefined || each.ip === ip) &&
          (lastSeenBeforeMs === undefined || each.lastSeenAtMs < lastSeenBeforeMs)
        );
        const next = start + 2 < sessions.length ? String(start + 2) : null;
        return Promise.resolve({ sessions: found, next });
      },
      groupOfProvider: () => Promise.resolve(null),
      providersByGroup: () => Promise.resolve(new Map()),
    },
    endings: {
      end(selector) {
        ended.push(selector);
        const before = sessions.length;
        const kept = sessions.filter((each) =>
          !("sid" in selector && each.sid === selector.sid) &&
          !("subject" in selector && each.subject === selector.subject)
        );
        sessions.splice(0, sessions.length, ...kept);
        return Promise.resolve("sid" in selector ? kept.length < before : true);
      },
      can: (kind) => kind !== "provider",
    },
    revocations: () =>
      Promise.resolve({
        items: [{ kind: "session", of: "s-1", notAfterMs: null, untilMs: clock() + 60_000 }],
        next: null,
      }),
    upstreams: () => [{
      name: "app",
      targets: [
        { origin: "http://10.0.0.1", healthy: true, restsForSeconds: null, inFlight: 3 },
        { origin: "http://10.0.0.2", healthy: false, restsForSeconds: 7, inFlight: 0 },
      ],
    }],
    issuers: () => [{
      name: "work",
      kind: "provider",
      url: "https://id.example",
      keysAgeSeconds: 12,
      problem: null,
    }],
    keys: () => [
      { kid: "new", alg: "EdDSA", createdAtMs: clock(), signs: true, lastVerifiedAtMs: null },
      { kid: "old", alg: "ES256", createdAtMs: null, signs: false, lastVerifiedAtMs: null },
    ],
    configuration: {
      redacted: () => ({ origin: "https://app.example" }),
      hash: () => "a3dc557dcb6fc226da07099ab5adcccfb74b322f4f037bd6f0ec1f9b74123cac",
      sinceMs: () => clock(),
      check: (text) => Promise.resolve(text === "{}" ? ["origin: is required (string)"] : []),
      reload: settings.reload === undefined
        ? () => Promise.resolve({ kind: "reloaded", hash: "def" })
        : settings.reload,
    },
    drain: () => {},
    recent: createRecentEvents(clock),
    activity: createActivity(clock),
    events: (event) => events.push(event),
    ...settings.parts,
  };
  const admin: Admin = createAdmin(parts, { extensions: settings.extensions ?? [] });

  async function ask(
    path: string,
    { json, ...init }: RequestInit & { json?: unknown } = {},
  ): Promise<Response> {
    const request = new Request(`http://127.0.0.1:8788${path}`, {
      ...init,
      ...(json === undefined ? {} : { method: init.method ?? "POST", body: JSON.stringify(json) }),
      headers: {
        host: "127.0.0.1:8788",
        ...(json === undefined ? {} : { "content-type": "application/json" }),
        ...init.headers as Record<string, string>,
      },
    });
    return await fetchAdmin(request);
  }

  function fetchAdmin(request: Request): Promise<Response> {
    return admin.fetch(request, {
      remoteAddress: "127.0.0.1",
      waitUntil: (work) => void work.catch(() => {}),
    });
  }

  return {
    clock,
    events,
    ended,
    sessions,
    fetch: fetchAdmin,
    ask,
    async json(path, init) {
      const response = await ask(path, init);
      const text = await response.text();
      return { status: response.status, body: text === "" ? null : JSON.parse(text) };
    },
  };
}

/** As a store hands them out. */
function fiveSessions(clock: TestClock): SessionRecord[] {
  return ["ada", "bob", "ada", "bob", "ada"].map((subject, index) => {
    const session = newSession(clock, { subject, ip: `10.0.0.${index + 1}` });
    const record = { ...session, lastSeenAtMs: session.createdAtMs, latestExp: 0 };
    clock.advance(60_000);
    return record as SessionRecord;
  });
}
