// @ts-self-types="./client.d.ts"

/** A token is refreshed so long before it ends, give or take the jitter: tabs must not act in step. */
const AHEAD_MS = 60_000;
const JITTER_MS = 10_000;
/** A browser that binds the session to a key by itself has done so by then. */
const BINDS_AFTER_MS = 5_000;
/** Timers sleep with the machine and clocks are changed: look again at least this often. */
const LOOK_AGAIN_MS = 60_000;

/** Base64url of a string of bytes. */
const part = (/** @type {string} */ bytes) =>
  btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** @type {typeof import("./client.d.ts").createPostern} */
export const createPostern = (options = {}) => {
  const base = options.base ?? new URL(".", import.meta.url).pathname.replace(/\/$/, "");
  const name = `postern:${base}`;
  const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(name) : null;
  /** @type {Map<string, Set<Function>>} */
  const listeners = new Map();
  /** @type {import("./client.d.ts").Session | null} */
  let session = null;
  /** Server time minus ours: a wrong clock here must not sign anybody out. */
  let skewMs = 0;
  /** @type {Promise<boolean> | null} */
  let refreshing = null;
  /** When the session was last heard of, and when it is to be refreshed. */
  let checkedAt = 0;
  let dueAt = 0;
  /** After an outage nothing is tried before. */
  let pauseUntil = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let binding;
  /** Whether anybody has said who is signed in. */
  let known = false;

  const tell = (/** @type {string} */ event, /** @type {unknown} */ detail) => {
    for (const listener of listeners.get(event) ?? []) listener(detail);
  };

  /** Under its other name anybody's subdomain may have set it. */
  const csrfName = `${location.protocol === "https:" ? "__Host-" : ""}postern-csrf=`;
  /** A cookie that is no UTF-8, which a subdomain can set too, hides all of them: then as last heard. */
  const csrf = () =>
    document.cookie.split("; ").find((each) => each.startsWith(csrfName))?.slice(csrfName.length) ??
      session?.csrfToken ?? "";

  const leftMs = () => session ? Date.parse(session.accessExpiresAt) - Date.now() - skewMs : 0;

  const schedule = () => {
    clearTimeout(timer);
    if (!session) return;
    const delay = Math.max(Math.max(dueAt, pauseUntil) - Date.now(), 100);
    timer = setTimeout(wake, Math.min(delay, LOOK_AGAIN_MS));
  };

  /** @param {import("./client.d.ts").Session | null} next */
  const become = (next, ours = true) => {
    const before = session;
    session = next;
    known = true;
    // Short lives (tests, demos) are refreshed at their middle.
    const left = leftMs();
    // A browser that has the key refreshes by itself.
    const ahead = next?.bound === "dbsc"
      ? -JITTER_MS
      : Math.min(AHEAD_MS + Math.random() * JITTER_MS, left / 2);
    dueAt = Date.now() + left - ahead;
    schedule();
    if (next?.bound === null && crypto.subtle) binding ??= setTimeout(bindSoon, BINDS_AFTER_MS);
    if (next) {
      if (before?.sid !== next.sid) tell("signedIn", next);
      else if (before.accessExpiresAt !== next.accessExpiresAt) tell("refreshed", next);
    } else if (before) tell("signedOut", undefined);
    if (ours && before?.accessExpiresAt !== next?.accessExpiresAt) {
      channel?.postMessage({ session: next, skewMs });
    }
  };

  const call = (/** @type {string} */ path, method = "POST", more = {}) =>
    fetch(base + path, {
      method,
      headers: method === "GET" ? {} : { "x-csrf-token": csrf(), ...more },
      credentials: "same-origin",
      cache: "no-store",
    });

  const take = async (/** @type {Response} */ response) => {
    const date = Date.parse(response.headers.get("date") ?? "");
    // The header has whole seconds; less than two is no skew.
    if (date && Math.abs(date - Date.now()) > 2_000) skewMs = date - Date.now();
    else if (date) skewMs = 0;
    checkedAt = Date.now();
    become(await response.json());
    return true;
  };

  /** When some tab has refreshed; read under the lock, so that the next tab need not. */
  const lastRefresh = () => {
    try {
      return Number(localStorage.getItem(name));
    } catch {
      return 0;
    }
  };

  /**
   * The key of the session, that this browser can use and nobody can take away.
   * @param {IDBTransactionMode} mode @param {(keys: IDBObjectStore) => IDBRequest} act
   * @returns {Promise<{ sid: string, pair: CryptoKeyPair } | undefined>}
   */
  const key = (mode, act) =>
    new Promise((resolve, reject) => {
      const opening = indexedDB.open(name, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
      opening.onerror = reject;
      opening.onsuccess = () => {
        const transaction = opening.result.transaction("keys", mode);
        const asked = act(transaction.objectStore("keys"));
        transaction.onabort = reject;
        transaction.oncomplete = () => {
          opening.result.close();
          resolve(asked.result);
        };
      };
    });

  /** Asks, and once more with a proof of the key (a JWS) where one is asked for. */
  const ask = async (/** @type {string} */ path) => {
    const response = await call(path);
    const challenge = response.headers.get("secure-session-challenge");
    if (response.status !== 403 || !challenge) return response;
    const found = await key("readonly", (keys) => keys.get("key"));
    // Here it is not: whoever has copied cookies has no session.
    if (!found) return (become(null), response);
    const { publicKey, privateKey } = found.pair;
    const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
    const header = part(JSON.stringify({ typ: "dbsc+jwt", alg: "ES256", jwk: { kty, crv, x, y } }));
    const signed = `${header}.${part(JSON.stringify({ jti: challenge.split('"')[1] }))}`;
    const ecdsa = { name: "ECDSA", hash: "SHA-256" };
    const bytes = await crypto.subtle.sign(ecdsa, privateKey, new TextEncoder().encode(signed));
    const signature = part(String.fromCharCode(...new Uint8Array(bytes)));
    return await call(path, "POST", { "secure-session-response": `${signed}.${signature}` });
  };

  const bind = async () => {
    await look(true);
    if (session?.bound !== null) return;
    const { sid } = session;
    const found = await key("readonly", (keys) => keys.get("key"));
    // One whose answer was lost may be the session's by now.
    if (found?.sid !== sid) {
      const ecdsa = { name: "ECDSA", namedCurve: "P-256" };
      const pair = await crypto.subtle.generateKey(ecdsa, false, ["sign", "verify"]);
      await key("readwrite", (keys) => keys.put({ sid, pair }, "key"));
    }
    const response = await ask("/bind");
    if (response.ok) await take(response);
  };

  const bindSoon = async () => {
    try {
      await locked(bind);
    } catch {
      // Without storage there is no key, and after an outage another try.
    }
    binding = undefined;
  };

  const rotate = async (/** @type {number} */ since) => {
    const isDone = lastRefresh() > since;
    // The browser may have bound the session since it was looked at.
    if ((isDone || session?.bound === null) && await look(true) && isDone) return true;
    // Then it has the key, and refreshes before it asks.
    if (session?.bound === "dbsc") return await look(true);
    const response = await ask("/refresh");
    if (response.ok) {
      try {
        localStorage.setItem(name, String(Date.now()));
      } catch {
        // Without storage each tab refreshes for itself.
      }
      return await take(response);
    }
    if (response.status === 401) become(null);
    else if (response.status === 403 && session && await look(true)) return true;
    else pauseUntil = Date.now() + 5_000 + Math.random() * JITTER_MS;
    return false;
  };

  /** @template T @param {() => Promise<T>} act @returns {Promise<T>} */
  const locked = (act) => navigator.locks ? navigator.locks.request(name, act) : act();

  const refresh = (since = Date.now()) =>
    refreshing ??= (async () => {
      try {
        return await locked(() => rotate(since));
      } catch {
        pauseUntil = Date.now() + 5_000;
        return false;
      } finally {
        refreshing = null;
        schedule();
      }
    })();

  /** Asks who is signed in. @returns {Promise<boolean>} */
  const look = async (locked = false) => {
    const response = await call("/session", "GET");
    if (response.ok) return await take(response);
    if (response.status !== 401) return false;
    const { code } = await response.json();
    if (/^token_(expired|missing)$/.test(code) && csrf()) return !locked && await refresh();
    become(null);
    return false;
  };

  const wake = async () => {
    try {
      const now = Date.now();
      if (session && now >= Math.max(dueAt, pauseUntil)) await refresh(checkedAt);
      else if (document.visibilityState === "visible" && now - checkedAt > LOOK_AGAIN_MS / 2) {
        await look();
      }
    } catch {
      // Offline: nothing is known, so nobody is signed out.
    }
    schedule();
  };

  const onWake = () => document.visibilityState === "visible" && session && wake();
  if (channel) {
    channel.onmessage = ({ data }) => {
      skewMs = data.skewMs;
      checkedAt = Date.now();
      become(data.session, false);
    };
  }
  const wakers = ["visibilitychange", "pageshow", "online", "focus"];
  for (const event of wakers) addEventListener(event, onWake, true);

  return {
    ready: look().catch(() => false).then(() => session),
    session: () => session,
    known: () => known,
    refresh: () => refresh(),
    async fetch(input, init) {
      const attempt = () => {
        const request = new Request(input, init);
        const ours = new URL(request.url).origin === location.origin;
        if (ours && !/^(GET|HEAD|OPTIONS)$/.test(request.method)) {
          request.headers.set("x-csrf-token", csrf());
        }
        return { ours, answer: fetch(request) };
      };
      const beganAt = Date.now();
      const spent = input instanceof Request && input.body || init?.body instanceof ReadableStream;
      const first = attempt();
      const response = await first.answer;
      const challenge = response.headers.get("www-authenticate") ?? "";
      if (response.status !== 401 || !first.ours || !challenge.includes('realm="postern"')) {
        return response;
      }
      if (!(await refresh(beganAt)) || spent) return response;
      return await attempt().answer;
    },
    async signOut({ everywhere = false } = {}) {
      if (everywhere && leftMs() <= 0) await refresh();
      const response = await call(everywhere ? "/logout/all" : "/logout");
      if (!response.ok && response.status !== 401) {
        throw new Error(`sign-out failed: ${response.status}`);
      }
      become(null);
      // The person is signed out at the provider as well, and comes back from there.
      if (response.status === 200) location.assign((await response.json()).continue);
    },
    on(event, listener) {
      const set = listeners.get(event) ?? new Set();
      listeners.set(event, set.add(listener));
      return () => set.delete(listener);
    },
    close() {
      clearTimeout(timer);
      clearTimeout(binding);
      channel?.close();
      for (const event of wakers) removeEventListener(event, onWake, true);
    },
  };
};
