/**
 * The one way out to the client: every answer but a 101 leaves through here.
 *
 * @module
 */
import type { Caller } from "../access/identify.ts";
import type { DeviceOffers } from "../access/offers.ts";
import { setsOwnCookie } from "../browser/cookies.ts";
import { connectionOptions, foldHeaderName, HOP_BY_HOP, VIA } from "../http/header_names.ts";
import type { Asking } from "../http/inbound.ts";
import type { WithOwnHeaders } from "../http/own_headers.ts";
import { TIED_AFTER_MS } from "../sessions/lifeline.ts";
import type { AttachLifeline } from "../sessions/lifeline.ts";
import { readLength } from "../upstream/short_body.ts";
import type { Answer } from "../upstream/transport.ts";
import { remembered } from "../base/remembered.ts";
import {
  isCdnVariant,
  isReusable,
  PRIVATE,
  privateCacheControl,
  withVary,
} from "./cache_safety.ts";
import type { PreparedRoute } from "./route.ts";
import { isEventStream } from "./tethered.ts";
import type { Tether } from "./tethered.ts";

/** Finishes answers. */
export interface Finish {
  /** What an upstream said on a route. */
  answer(
    inbound: Pick<Asking, "headers" | "around">,
    route: PreparedRoute,
    caller: Caller | null,
    said: Pick<Answer, "status" | "headers" | "body">,
  ): Response;
  /** What Postern itself says; `cors` of the route, where there is one. */
  own(
    asked: Pick<Asking, "headers" | "around">,
    cors: PreparedRoute["cors"],
    said: Response,
  ): Response;
}

/** RFC 9110 §15.3.5, §15.4.5: no body, whatever the upstream sent. */
const NULL_BODY_STATUS: ReadonlySet<number> = new Set([204, 205, 304]);

const HOP_BY_HOP_NAMES: ReadonlySet<string> = new Set(HOP_BY_HOP);

/** Backends say the same few things again and again. */
const madePrivate = remembered(200, privateCacheControl);

/** With what decides who is asking. */
const varied = remembered(200, (value) => withVary(value, ["Cookie", "Authorization"]));

/** Prepares {@link Finish}. */
export function createFinish(parts: {
  readonly tether: Tether;
  readonly attachLifeline: AttachLifeline;
  readonly withOwnHeaders: WithOwnHeaders;
  /** Offers to bind a session that ride on answers; `null`: there are none. */
  readonly offers: Pick<DeviceOffers, "headerFor"> | null;
}): Finish {
  const { tether, attachLifeline, withOwnHeaders, offers } = parts;

  function tied(
    body: ReadableStream<Uint8Array>,
    lines: Answer["headers"],
    isEndless: boolean,
    { token }: Caller,
    { around }: Pick<Asking, "around">,
  ): ReadableStream<Uint8Array> {
    return tether(body, isEndless ? "close" : "break", (end) => {
      let release = () => clearTimeout(timer);
      const timer = setTimeout(() => {
        release = attachLifeline(token, around.waitUntil, end);
      }, TIED_AFTER_MS);
      return () => release();
    }, readLength(lines));
  }

  return {
    own({ headers, around }, cors, said) {
      const answer = withOwnHeaders(said);
      const offered = offers?.headerFor(around) ?? null;
      if (offered !== null) answer.headers.set(offered.name, offered.value);
      // Refusals too: the app on the other origin must be able to read a 401.
      return cors === null ? answer : cors.apply(answer, headers);
    },

    answer(inbound, route, caller, { status, headers: lines, body }) {
      const { responseHeaders, wayBack, cors } = route;
      const bringsCookies = caller !== null && caller.setCookies.length > 0;
      // New cookies are nobody else's, on a route that shares its answers too.
      const makesPrivate = caller !== null && (!route.isShared || bringsCookies);
      const connectionBound = connectionOptions(lines);
      let cacheControl: string | null = null;
      let vary: string | null = null;
      let isEndless = false;
      const kept: (readonly [string, string])[] = [];
      for (const line of lines) {
        const [name, value] = line;
        switch (name) {
          case "set-cookie":
            // An upstream must not sign people in or out of the gateway (session fixation).
            if (!setsOwnCookie(value)) kept.push([name, wayBack.cookie(value)]);
            continue;
          case "location":
            kept.push([name, wayBack.location(value)]);
            continue;
          case "cache-control":
            cacheControl = cacheControl === null ? value : `${cacheControl}, ${value}`;
            continue;
          case "vary":
            vary = vary === null ? value : `${vary}, ${value}`;
            continue;
          case "content-type":
            isEndless = isEventStream(value);
        }
        if (HOP_BY_HOP_NAMES.has(name) || connectionBound?.has(name)) continue;
        if (makesPrivate && isCdnVariant(name)) continue;
        if (cors !== null && name.startsWith("access-control-")) continue;
        kept.push(line);
      }

      const streamed = body instanceof ReadableStream && caller !== null
        ? tied(body, lines, isEndless, caller, inbound)
        : body;
      const response = new Response(NULL_BODY_STATUS.has(status) ? null : streamed, { status });
      const { headers } = response;
      const removed = responseHeaders?.removed ?? null;
      // One by one: a list handed to the constructor takes the runtime three times as long.
      for (const [name, value] of kept) {
        if (removed === null || !removed.has(foldHeaderName(name))) headers.append(name, value);
      }
      if (route.upstream.via) headers.append("via", VIA);
      for (const [name, value] of responseHeaders?.set ?? []) {
        if (name === "cache-control") cacheControl = value;
        else if (name === "vary") vary = value;
        else if (!bringsCookies || !isCdnVariant(name)) headers.append(name, value);
      }
      const isWithheld = (name: string) =>
        removed !== null && removed.has(name) &&
        !responseHeaders?.set.some(([other]) => other === name);
      if (isWithheld("cache-control")) cacheControl = null;
      if (isWithheld("vary")) vary = null;

      if (caller !== null && caller.setCookies.length > 0) {
        for (const cookie of caller.setCookies) headers.append("set-cookie", cookie);
        cacheControl = "no-store";
      } else if (makesPrivate || (caller !== null && cacheControl === null)) {
        cacheControl = madePrivate(cacheControl ?? "");
      }
      const offered = offers?.headerFor(inbound.around) ?? null;
      // In no cache, not even the browser's: it is about this session, and soon out of date.
      if (offered !== null && makesPrivate && !isReusable(cacheControl)) {
        headers.set(offered.name, offered.value);
        if (cacheControl === PRIVATE) cacheControl = `${PRIVATE}, no-cache`;
      }
      // RFC 9449 §8.2: not where others would be told it, long after it has run out.
      if (makesPrivate && caller.nonce !== null) headers.set("dpop-nonce", caller.nonce);
      if (cacheControl !== null) headers.set("cache-control", cacheControl);
      if (makesPrivate) vary = varied(vary ?? "");
      if (vary !== null) headers.set("vary", vary);
      return cors === null ? response : cors.apply(response, inbound.headers);
    },
  };
}
