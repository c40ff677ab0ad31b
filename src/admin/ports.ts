/**
 * What the admin listener asks of the house. Each part is small, so that a runtime that has none of
 * it (no files on Workers, no background) can say so with `null`.
 *
 * @module
 */
import type { WaitUntil } from "../base/background.ts";
import type { Clock } from "../base/clock.ts";
import type { SessionRecord } from "../base/session.ts";
import type { Activity } from "../telemetry/activity.ts";
import type { EventSink } from "../telemetry/events.ts";
import type { RecentEvents } from "../telemetry/recent.ts";
import type { Guard } from "./guard.ts";

/** A page of anything; hand `next` to the next question, `null`: this was the last one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** Which sessions to list; all conditions must hold. */
export interface SessionQuery {
  readonly subject?: string;
  readonly ip?: string;
  /** Last seen before this time (epoch milliseconds). */
  readonly lastSeenBeforeMs?: number;
  readonly group?: string;
  /** `next` of the page before; `null` for the first. */
  readonly after: string | null;
  readonly limit: number;
}

/** Reads sessions. Every method may throw `StoreUnavailableError`. */
export interface SessionDirectory {
  /** One session with this id, or `null` when it is absent, expired or revoked. */
  read(sid: string): Promise<SessionRecord | null>;
  /** Youngest first where a subject is named, else in no order. A page may be short, or empty. */
  list(
    query: SessionQuery,
  ): Promise<{ readonly sessions: readonly SessionRecord[]; readonly next: string | null }>;
  /**
   * The group of everything that came from a provider, one that is configured no longer included;
   * `null`: this gateway knows no such groups.
   */
  groupOfProvider(provider: string): Promise<string | null>;
  /** The groups of the configured providers, each with the provider's name. */
  providersByGroup(): Promise<ReadonlyMap<string, string>>;
}

/** What is to be ended. */
export type Selector =
  | { readonly sid: string }
  | { readonly subject: string }
  | { readonly jti: string }
  /** Every session that came from this provider. */
  | { readonly provider: string }
  /** Everything that was issued at or before this time (epoch milliseconds). */
  | { readonly issuedBeforeMs: number };

/** How a selector can be told from the others. */
export type SelectorKind = "sid" | "subject" | "jti" | "provider" | "issuedBefore";

/** Ends sessions and tokens, here at once and everywhere within the staleness bound. */
export interface Endings {
  /** `false`: there is no such session. */
  end(selector: Selector): Promise<boolean>;
  /** Whether this gateway can end by this kind of selector. */
  can(kind: SelectorKind): boolean;
}

/** One entry of the blacklist. */
export interface RevocationEntry {
  readonly kind: string;
  /** Whom or what it is about: a `sid`, a `jti`, a subject, a group. */
  readonly of: string | null;
  /** Everything up to this time, for those that are about a time. */
  readonly notAfterMs: number | null;
  /** When it drops out by itself. */
  readonly untilMs: number;
}

/** One target of an upstream. */
export interface TargetState {
  readonly origin: string;
  readonly healthy: boolean;
  /** Seconds until a target that failed is tried again; `null`: it is not at rest. */
  readonly restsForSeconds: number | null;
  readonly inFlight: number;
}

/** One upstream. */
export interface UpstreamState {
  readonly name: string;
  readonly targets: readonly TargetState[];
}

/** Somebody who vouches for people, or signs tokens that are accepted. */
export interface IssuerState {
  readonly name: string;
  readonly kind: "password" | "provider" | "issuer" | "demo";
  readonly url: string | null;
  /** Age of its key set; `null`: it has none, or none was fetched yet. */
  readonly keysAgeSeconds: number | null;
  /** What went wrong when it was last asked; `null`: nothing. */
  readonly problem: string | null;
}

/** A key of the ring. */
export interface KeyState {
  readonly kid: string;
  readonly alg: string;
  /** When it was made; `null`: nobody wrote it down (`iat` of the JWK). */
  readonly createdAtMs: number | null;
  readonly signs: boolean;
  /** When a token signed with it was last verified here; `null`: not since the start. */
  readonly lastVerifiedAtMs: number | null;
}

/** What reloading led to. */
export type ReloadOutcome =
  | { readonly kind: "reloaded"; readonly hash: string }
  | { readonly kind: "unchanged"; readonly hash: string }
  /** Nothing has changed; one line for each mistake. */
  | { readonly kind: "refused"; readonly problems: readonly string[] };

/** The configuration in force, and what can be done with it. */
export interface Configuration {
  /** With every secret taken out. */
  redacted(): unknown;
  /** SHA-256 of what is in force. */
  hash(): string;
  /** When it came into force, epoch milliseconds. */
  sinceMs(): number;
  /** One line for each mistake of a file that is not in force; empty: it could be. */
  check(text: string): Promise<readonly string[]>;
  /** Reads the file again and puts it in force; `null`: this runtime can not. */
  readonly reload: (() => Promise<ReloadOutcome>) | null;
}

/** Whether requests should be sent here. */
export type Readiness =
  | { readonly ready: true }
  | { readonly ready: false; readonly why: "starting" | "draining" | "store_unavailable" };

/** Everything the admin listener is put together from. */
export interface AdminParts {
  readonly about: { readonly version: string; readonly runtime: string };
  readonly startedAtMs: number;
  readonly clock: Clock;
  readonly guard: Guard;
  readonly ready: (waitUntil: WaitUntil) => Promise<Readiness>;
  readonly metrics: { render(): Promise<string> };
  /** The revocation view of this instance. */
  readonly view: () => { readonly ageMs: number; readonly entries: number };
  readonly sessions: SessionDirectory;
  readonly endings: Endings;
  readonly revocations: (after: string | null) => Promise<Page<RevocationEntry>>;
  readonly upstreams: () => readonly UpstreamState[];
  readonly issuers: () => readonly IssuerState[];
  readonly keys: () => readonly KeyState[];
  readonly configuration: Configuration;
  /** Stops being ready and lets go of what is open; `null`: this runtime can not. */
  readonly drain: (() => void) | null;
  readonly recent: RecentEvents;
  readonly activity: Activity;
  readonly events: EventSink;
}
