/**
 * Several hosts, one sign-in: each host has a session and `__Host-` cookies of its
 * own, and gets them by a one-time code from the host of sign-in (`origin`). No cookie
 * is shared between hosts, and nobody signs in twice.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import type { ToCookies } from "../../access/cookie_session.ts";
import type { ReadCredential } from "../../access/credential.ts";
import type { Identify } from "../../access/identify.ts";
import { sessionOf } from "../../access/leaving.ts";
import type { DeviceOffers } from "../../access/offers.ts";
import type { CookieJar } from "../../browser/cookies.ts";
import { safeReturnTo } from "../../browser/return_to.ts";
import { allowOnly, refuse } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { TokenVerifier } from "../../tokens/verify.ts";
import { isOurs } from "../../tokens/claims.ts";
import { decodeBase64url } from "../../tokens/base64url.ts";
import type { Handover, Handovers } from "../../sign_in/handover.ts";
import type { Clock } from "../../base/clock.ts";
import type { SessionRecord } from "../../base/session.ts";

/** What hand-overs are put together from. */
export interface HandoverParts {
  /** The host of sign-in. */
  readonly origin: string;
  /** The hosts that people are handed over to. */
  readonly origins: readonly string[];
  readonly prefix: string;
  readonly handovers: Handovers;
  readonly sessions: Pick<Sessions, "read" | "open" | "discard" | "endOf">;
  readonly verifier: Pick<TokenVerifier, "identify">;
  readonly identify: Identify;
  readonly readCredential: ReadCredential;
  readonly toCookies: ToCookies;
  readonly jar: CookieJar;
  readonly clock: Clock;
  /** Say which sessions have been without a key for too long; `null`: none has to have one. */
  readonly offers: Pick<DeviceOffers, "isOverdue"> | null;
}

/** So long a provider that is asked at each rotation may go unasked, as in its outages. */
const UNASKED_SECONDS = 24 * 3_600;

/** Long enough to arrive. */
const LEAST_SECONDS = 60;

/** How a session of the host of sign-in is named: renewed in passing, cookies only. */
const RULE = { transparent: true, strict: false, cors: null };

/** 256 bits, as base64url. */
const SECRET = /^[A-Za-z0-9_-]{43}$/;

/** The hash of a secret, written the same way. */
const STATE = SECRET;

/** The endpoints `/handover/…`, and the way there from the sign-in page of other hosts. */
export function handoverEndpoints(parts: HandoverParts): Hono<GatewayEnv> {
  const { origin, origins, prefix, jar, handovers, sessions } = parts;
  const app = new Hono<GatewayEnv>();

  // The sign-in page of a host is at the host of sign-in.
  app.get("/login", async (c, next) => {
    if (!origins.includes(c.env.inbound.origin)) return await next();
    return await start(c);
  });

  /** At the other host: remembers the browser, and sends it to the host of sign-in. */
  async function start(c: Context<GatewayEnv>): Promise<Response> {
    const nonce = crypto.getRandomValues(new Uint8Array(32));
    const secret = toBase64url(nonce);
    const returnTo = safeReturnTo(c.req.query("return_to"), prefix);
    const query = new URLSearchParams({
      to: c.env.inbound.origin,
      state: await hashOf(secret),
    });
    return sendTo(`${origin}${prefix}/handover/give?${query}`, [
      jar.issueHandover(`${secret}.${toBase64url(new TextEncoder().encode(returnTo))}`),
    ]);
  }

  // At the host of sign-in: a code for whoever is signed in there.
  app.get("/handover/give", async (c) => {
    const { inbound } = c.env;
    const { to, state } = c.req.query();
    const isAsked = inbound.origin === origin && to !== undefined && origins.includes(to) &&
      state !== undefined && STATE.test(state);
    if (!isAsked) return refuse(c, { code: "invalid_request" });
    const credential = parts.readCredential(inbound.headers);
    if (credential.kind === "bearer") return refuse(c, { code: "invalid_request" });
    const named = await parts.identify(inbound, credential, RULE);
    const here = `${prefix}/handover/give?${new URLSearchParams({ to, state })}`;
    const by = (page: string) => `${prefix}/${page}?return_to=${encodeURIComponent(here)}`;
    if ("problem" in named) {
      if (named.problem.code === "store_unavailable") return refuse(c, named.problem);
      return sendTo(by("login"), named.setCookies);
    }
    const { token, setCookies } = named;
    if (!isOurs(token)) return refuse(c, { code: "token_invalid" });
    // The other host would give it time anew to bind itself.
    if (parts.offers?.isOverdue(token) === true) return sendTo(by("binding"), setCookies);
    const { sid, expiresAtSeconds } = token;
    const code = await handovers.give({ sid, to, state, accessEndSeconds: expiresAtSeconds });
    return sendTo(`${to}${prefix}/handover/take?code=${code}`, setCookies);
  });
  allowOnly(app, "/handover/give", ["GET"]);

  // Back at the other host: a session of its own, of the same family.
  app.get("/handover/take", async (c) => {
    const { inbound } = c.env;
    const around = c.get("around");
    const [secret, path = ""] = jar.readHandover(inbound.headers.get("cookie"))?.split(".") ?? [];
    const given = await handovers.take(c.req.query("code") ?? "", inbound.origin);
    // A code that another browser asked for would sign this one in as somebody else. Whoever
    // gets a code chooses its state: only a secret of ours is held against it, never none.
    const isSecret = secret !== undefined && SECRET.test(secret);
    if (given === null || !isSecret || given.state !== await hashOf(secret)) {
      return refuse(c, {
        code: "invalid_request",
        detail: "This link has been used, or belongs to another browser. Please start again.",
      });
    }
    const root = await sessions.read(given.sid);
    if (root === null) return refuse(c, { code: "session_revoked" });
    // Bound as the other one is: it ends before it would have to be renewed, and the browser
    // that comes back for the next one proves the key where it has it.
    const { subject, claims, groups, bound } = root;
    const device = { userAgent: c.req.header("user-agent") ?? "", ip: around.client.address };
    const capSeconds = capOf(root, given, parts.clock());
    // The sign-in may be younger than now, by a clock that is ahead of ours.
    const sinceMs = Math.max(parts.clock(), root.createdAtMs);
    const opened = await sessions.open(
      { subject, claims, groups, bound, sinceMs, capSeconds },
      { device },
    );
    if (opened.kind === "superseded") return refuse(c, { code: "session_revoked" });
    const { signedIn } = opened;
    // What ends the one from now on ends the other; what ended it just before did not yet.
    if (await sessions.read(given.sid) === null) {
      await sessions.discard(signedIn.session);
      return refuse(c, { code: "session_revoked" });
    }
    const { setCookies } = await parts.toCookies(signedIn, inbound).catch(async (error) => {
      await sessions.discard(signedIn.session);
      throw error;
    });
    around.emit({ event: "sign_in", subject, sid: signedIn.session.sid });
    // Whoever was here before as somebody else is not any more.
    const { cookies } = parts.readCredential(inbound.headers);
    const before = await sessionOf(cookies, parts.verifier);
    if (before !== null && before.subject !== subject) {
      await sessions.endOf(before);
      around.emit({ event: "session_revoked", subject: before.subject, sid: before.sid });
    }
    return sendTo(safeReturnTo(decoded(path), prefix), [...setCookies, jar.clearHandover()]);
  });
  allowOnly(app, "/handover/take", ["GET"]);

  return app;
}

/**
 * When the other host's session ends at the latest: never after the one that it comes
 * from, and sooner where that is asked for more than its cookies when it is renewed. The
 * browser then comes back here by itself, and whoever can not renew it there not at all.
 */
function capOf(root: SessionRecord, given: Handover, nowMs: number): number {
  const nowSeconds = Math.floor(nowMs / 1000);
  const endSeconds = Math.min(
    root.capSeconds,
    root.bound === null ? Infinity : given.accessEndSeconds,
    root.sealed === null ? Infinity : nowSeconds + UNASKED_SECONDS,
  );
  // What is about to end, or has within the tolerance, would send people in a circle.
  return Math.max(endSeconds, nowSeconds + LEAST_SECONDS);
}

function sendTo(location: string, setCookies: readonly string[]): Response {
  const headers = new Headers({ location, "cache-control": "no-store" });
  for (const cookie of setCookies) headers.append("set-cookie", cookie);
  return new Response(null, { status: 302, headers });
}

function toBase64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

function decoded(path: string): string {
  const bytes = decodeBase64url(path);
  return bytes === null ? "/" : new TextDecoder().decode(bytes);
}

async function hashOf(secret: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret));
  return toBase64url(new Uint8Array(hash));
}
