/**
 * The one way out to the client: every answer but a 101 leaves through here.
 *
 * @module
 */
import type { Caller } from "../access/identify.ts";
import type { Inbound } from "../http/inbound.ts";
import type { AttachLifeline } from "../sessions/lifeline.ts";
import { applyToHeaders } from "./header_rules.ts";
import type { PreparedRoute } from "./route.ts";
import { isEventStream, tethered } from "./tethered.ts";

/** Finishes answers. */
export interface Finish {
  /** What an upstream said. */
  answer(inbound: Inbound, route: PreparedRoute, caller: Caller | null, said: Response): Response;
  /** What Postern itself says on a route. */
  own(inbound: Inbound, route: PreparedRoute, said: Response): Response;
}

/** Prepares {@link Finish}. */
export function createFinish(attachLifeline: AttachLifeline): Finish {
  function own({ headers }: Inbound, { cors }: PreparedRoute, said: Response): Response {
    // Refusals too: the app on the other origin must be able to read a 401.
    return cors === null ? said : cors.apply(said, headers);
  }

  function tiedToSession(said: Response, { token }: Caller, { around }: Inbound): Response {
    const isEndless = isEventStream(said.headers.get("content-type") ?? "");
    if (!isEndless || said.body === null) return said;
    return new Response(
      tethered(said.body, (end) => attachLifeline(token, around.waitUntil, end)),
      said,
    );
  }

  return {
    own,
    answer(inbound, route, caller, said) {
      if (route.responseHeaders !== null) applyToHeaders(route.responseHeaders, said.headers);
      let answer = said;
      if (caller !== null) {
        answer = tiedToSession(said, caller, inbound);
        if (caller.setCookies.length > 0) {
          for (const cookie of caller.setCookies) answer.headers.append("set-cookie", cookie);
          answer.headers.set("cache-control", "no-store");
        }
      }
      return own(inbound, route, answer);
    },
  };
}
