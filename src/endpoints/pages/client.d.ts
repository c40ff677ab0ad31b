/**
 * Types of `GET /auth/client.js`, the script for front ends.
 *
 * @module
 */

/** Who is signed in: *session JSON* of the wire contract, times as ISO 8601. */
export interface Session {
  readonly subject: string;
  readonly sid: string;
  /** Space-separated. */
  readonly scope: string;
  readonly accessExpiresAt: string;
  readonly refreshExpiresAt: string;
  readonly csrfToken: string;
  /**
   * How the key is proven that the session is bound to; `null`: to none, and this script is
   * about to bind it; absent where sessions are not bound.
   */
  readonly bound?: "dbsc" | "script" | "dpop" | null;
}

/** What an app can be told. */
export interface PosternEvents {
  /** Somebody is signed in: at the start, or in another tab. */
  signedIn: Session;
  /** The tokens were rotated, here or in another tab. */
  refreshed: Session;
  /** Nobody is signed in any more: signed out here, in another tab, on another device, or expired. */
  signedOut: undefined;
}

/** Options of {@link createPostern}. */
export interface PosternOptions {
  /** Path of the gateway's own endpoints; where the script came from, if absent. */
  readonly base?: string;
}

/** The gateway, as a front end sees it. */
export interface Postern {
  /** Resolves once it is known whether somebody is signed in. */
  readonly ready: Promise<Session | null>;
  /**
   * `fetch` that adds the CSRF header to requests of this origin, and when the
   * access token has expired refreshes once and asks again. A body that is a
   * stream is sent once only. Never loops: what the second try answers is the answer.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** Who is signed in, as far as is known now. */
  session(): Session | null;
  /** Whether anybody has said who that is; `false`: nobody could be asked so far. */
  known(): boolean;
  /** Rotates now; at most one refresh runs at a time, over all tabs. `false`: signed out. */
  refresh(): Promise<boolean>;
  /** Ends this session; `everywhere`: every session of the person. */
  signOut(options?: { readonly everywhere?: boolean }): Promise<void>;
  /** Calls `listener` from now on; returns how to stop. */
  on<E extends keyof PosternEvents>(
    event: E,
    listener: (detail: PosternEvents[E]) => void,
  ): () => void;
  /** Stops timers and listeners. */
  close(): void;
}

/**
 * Keeps a browser signed in.
 *
 * @example Plain HTML
 * ```html
 * <script type="module">
 *   import { createPostern } from "/auth/client.js";
 *   const postern = createPostern();
 *   postern.on("signedOut", () => location.assign("/auth/login?return_to=" + location.pathname));
 *   const session = await postern.ready;
 *   document.querySelector("#who").textContent = session?.subject ?? "nobody";
 *   document.querySelector("#save").onclick = () =>
 *     postern.fetch("/api/things", { method: "POST", body: "{}" });
 * </script>
 * ```
 */
export function createPostern(options?: PosternOptions): Postern;
