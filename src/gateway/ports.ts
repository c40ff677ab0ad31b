/**
 * What the gateway needs from the runtime it stands on.
 *
 * @module
 */
import type { Background } from "../base/background.ts";
import type { Clock } from "../base/clock.ts";
import type { IdentitySource } from "../identity/port.ts";
import type { HiddenBody } from "../http/request_body.ts";
import type { Revocation, SessionStore } from "../store/port.ts";
import type { EventSink } from "../telemetry/events.ts";
import type { SpanSink } from "../telemetry/spans.ts";
import type { Meter } from "../telemetry/meter.ts";
import type { Tether } from "../proxy/tethered.ts";
import type { Transports } from "../upstream/transport.ts";
import type { KeyRing } from "../tokens/key_ring.ts";
import type { SharedDocuments } from "../tokens/issuers/key_set.ts";
import type { LegacyKey } from "../tokens/legacy.ts";

/** Other instances in the same process: they hear at once of what is revoked here. */
export interface Peers {
  tell(revocation: Revocation): void;
  listen(take: (revocation: Revocation) => void): void;
}

/** What lives as long as the process. */
export interface CorePorts {
  readonly store: SessionStore;
  readonly keys: KeyRing;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Whether no request may touch a timer or a promise of another (Workers). */
  readonly isolatesRequests: boolean;
  /** What metrics are made with; a small one if absent. */
  readonly meter?: Meter;
  readonly peers?: Peers;
  /** Hears the status of each answer that an upstream gave. */
  readonly onAnswered?: (status: number) => void;
  /** Takes spans; absent: nobody collects them. */
  readonly spans?: SpanSink;
  /** Name and version of the runtime. */
  readonly runtime?: string;
}

/** What lives as long as one configuration. */
export interface GatewayPorts {
  /** Whether dot segments of a path are resolved before anybody sees them (Workers). */
  readonly normalisesPaths?: boolean;
  readonly identity: IdentitySource;
  /** Verifies tokens from before Postern; goes with `tokens.legacy` of the configuration. */
  readonly legacyKey?: LegacyKey | null;
  /** Reaches the identity source's other endpoints. */
  readonly askFetch?: typeof fetch;
  /** Keeps fetched key sets beyond this instance (Workers). */
  readonly sharedDocuments?: SharedDocuments;
  readonly transports: Transports;
  /** The runtime's own way to pass on streams that may have to end; absent where there is none. */
  readonly tether?: Tether;
  /** The runtime's way to bodies that `Request` hides; absent where there is none. */
  readonly hiddenBody?: HiddenBody;
  /** Absent where nothing runs outside a request (Workers): no active health checks then. */
  readonly background?: Background & { close(): void };
}
