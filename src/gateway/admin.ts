/**
 * The admin listener's parts, from the gateway that is in force at the moment.
 *
 * @module
 */
import type { Guard } from "../admin/guard.ts";
import type {
  AdminParts,
  Configuration,
  IssuerState,
  Readiness,
  RevocationEntry,
} from "../admin/ports.ts";
import { VERSION } from "../base/version.ts";
import type { Revocation } from "../store/port.ts";
import type { Core } from "./core.ts";
import type { Gateway } from "./gateway.ts";

/** What only the runtime knows. */
export interface AdminPorts {
  readonly guard: Guard;
  readonly runtime: string;
  readonly configuration: Configuration;
  /** `null` where the process can not be drained. */
  readonly drain: (() => void) | null;
}

/** Looks into the gateway that is in force whenever somebody asks. */
export function createAdminParts(
  core: Core,
  current: () => Gateway,
  ports: AdminPorts,
): AdminParts {
  const { view, clock } = core;

  async function ready(waitUntil: Parameters<AdminParts["ready"]>[0]): Promise<Readiness> {
    if (core.lifecycle.isDraining) return { ready: false, why: "draining" };
    return await view.ensureFresh(waitUntil)
      ? { ready: true }
      : { ready: false, why: "store_unavailable" };
  }

  return {
    about: { version: VERSION, runtime: ports.runtime },
    startedAtMs: clock(),
    clock,
    guard: ports.guard,
    ready,
    metrics: core.metrics,
    view: () => ({ ageMs: view.ageMs(), entries: view.size() }),
    sessions: {
      read: (sid) => current().inside.sessions.read(sid),
      list: (query) => current().inside.sessions.list(query),
      groupOfProvider: (provider) => current().inside.sessions.nameGroup("provider", provider),
      async providersByGroup() {
        const { sessions, config } = current().inside;
        return new Map(
          await Promise.all(
            Array.from(
              config.providers.keys(),
              async (name) => [await sessions.nameGroup("provider", name), name] as const,
            ),
          ),
        );
      },
    },
    endings: {
      can: () => true,
      async end(selector) {
        const { sessions } = current().inside;
        if (!("provider" in selector)) return await sessions.end(selector);
        return await sessions.end({
          group: await sessions.nameGroup("provider", selector.provider),
        });
      },
    },
    async revocations(after) {
      const page = await core.store.revocationsSince(after);
      return {
        items: page.entries.map(entryOf),
        next: page.more ? page.cursor : null,
      };
    },
    upstreams: () =>
      Array.from(current().inside.upstreams, ([name, upstream]) => ({
        name,
        targets: upstream.targets().map(({ origin, healthy, restsForMs, underWay }) => ({
          origin,
          healthy,
          restsForSeconds: restsForMs === null ? null : Math.ceil(restsForMs / 1000),
          inFlight: underWay,
        })),
      })),
    issuers: () => issuersOf(core, current()),
    keys: () => {
      const { keys, keyUsage } = current().inside.core;
      return Array.from(keys.byKid.values(), ({ kid, alg, createdAtSeconds }) => ({
        kid,
        alg,
        createdAtMs: createdAtSeconds === null ? null : createdAtSeconds * 1000,
        signs: kid === keys.signing.kid,
        lastVerifiedAtMs: keyUsage.lastVerifiedAtMs(kid),
      }));
    },
    configuration: ports.configuration,
    drain: ports.drain,
    recent: core.recent,
    activity: core.activity,
    events: core.events,
  };
}

function entryOf(entry: Revocation): RevocationEntry {
  const { kind, untilMs } = entry;
  switch (entry.kind) {
    case "session":
      return { kind, of: entry.sid, notAfterMs: null, untilMs };
    case "token":
      return { kind, of: entry.jti, notAfterMs: null, untilMs };
    case "group":
      return { kind, of: entry.group, notAfterMs: entry.notAfterMs, untilMs };
  }
}

function issuersOf(core: Core, { inside: { config, failingProviders } }: Gateway): IssuerState[] {
  const failing = new Set(failingProviders());
  const { identity, providers } = config;
  const nothing = { keysAgeSeconds: null, problem: null };

  function keysOf(name: string): Pick<IssuerState, "keysAgeSeconds" | "problem"> {
    const { refreshedAtMs, problem } = core.keySets.read(name);
    const ageMs = refreshedAtMs === null ? null : core.clock() - refreshedAtMs;
    return {
      keysAgeSeconds: ageMs === null ? null : Math.max(0, Math.round(ageMs / 1000)),
      problem: problem ?? (failing.has(name) ? "failed when it was last asked" : null),
    };
  }

  const source: IssuerState[] = identity.kind === "none" ? [] : [
    identity.kind === "demo"
      ? { name: "demo", kind: "demo", url: null, ...nothing }
      : { name: "password", kind: "password", url: identity.url, ...nothing },
  ];
  return [
    ...source,
    ...Array.from(providers, ([name, { oidc }]): IssuerState => ({
      name,
      kind: "provider",
      url: oidc.issuer,
      ...keysOf(name),
    })),
    ...config.issuers.map(({ name, issuer }): IssuerState => ({
      name,
      kind: "issuer",
      url: issuer,
      ...keysOf(name),
    })),
  ];
}
