/**
 * Forward-auth: another proxy asks about each request and carries it itself. The
 * same reading, the same table and the same decision as for a proxied request.
 *
 * @module
 */
import { Hono } from "hono";
import type { Decide } from "../../access/decide.ts";
import type { Match } from "../../access/match.ts";
import type { RefusalWords } from "../../access/refusal.ts";
import type { AccessRule } from "../../access/rule.ts";
import { fail, refuse } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import { foldHeaderName } from "../../http/header_names.ts";
import type { IncomingHeaders } from "../../http/headers.ts";
import type { Inbound } from "../../http/inbound.ts";
import type { ReadTold } from "../../http/read.ts";
import type { CallerToken } from "../../tokens/claims.ts";
import { createAnswers } from "./answers.ts";
import { readOriginal } from "./dialects.ts";
import type { Dialect, Question } from "./dialects.ts";
import type { VerifyOptions } from "./options.ts";
import { createTrustOf } from "./trust.ts";

/** A route, as far as forward-auth looks at it. */
export interface VerifiedRoute extends AccessRule {
  /** `null` where the proxied request would be refused for what the rewritten path says. */
  readonly rewrite: ((path: string) => string | null) | null;
}

/** What forward-auth is put together from. */
export interface VerifyParts<Route extends VerifiedRoute> {
  /** `null`: switched off. */
  readonly options: VerifyOptions | null;
  /** Of the public origin. */
  readonly scheme: "http" | "https";
  /** Path of Postern's own endpoints. */
  readonly prefix: string;
  /**
   * Whether the runtime resolves dot segments before anybody sees them (Workers). A
   * path behind the endpoint could then lead out of it.
   */
  readonly normalisesPaths: boolean;
  readonly readTold: ReadTold;
  readonly access: {
    readonly match: Match<Route>;
    readonly decide: Decide;
    readonly words: RefusalWords;
  };
  /** The headers that the upstream of a route would get from Postern itself. */
  readonly outgoing: (
    inbound: Inbound,
    route: Route,
    token: CallerToken | null,
  ) => Iterable<readonly [string, string]> | Promise<Iterable<readonly [string, string]>>;
  /** Every name that carries identity, in lower case. */
  readonly identityNames: readonly string[];
}

const DIALECTS: readonly Dialect[] = ["forward-auth", "auth-request", "ext-authz"];

/** The endpoints `/verify/…`. */
export function verifyEndpoints<Route extends VerifiedRoute>(
  parts: VerifyParts<Route>,
): Hono<GatewayEnv> {
  const { options, readTold, access: { match, decide, words } } = parts;
  const trustOf = createTrustOf(options ?? { trustedProxies: [], secret: null });
  const answers = createAnswers(parts.identityNames);
  const isForged = createForgedName(parts.identityNames);
  const app = new Hono<GatewayEnv>();

  /** The verdict about a request that was told in full. */
  async function verdict(inbound: Inbound, dialect: Dialect): Promise<Response> {
    const refused = (said: Response) => answers.refused(dialect, inbound, said, parts.scheme);
    const place = match(inbound);
    switch (place.kind) {
      case "own":
        return refused(words.refuse(inbound, { code: "not_found" }));
      case "refused":
        return refused(words.refuse(inbound, place.problem));
      case "preflight": {
        // What is not 2xx no browser takes for an answer, and what is lets it pass: so it
        // passes, if its origin may, and the backend says what Postern would have said.
        const said = place.cors.preflight(inbound.headers);
        return said.headers.has("access-control-allow-origin")
          ? answers.allowed(dialect, inbound, [], null)
          : refused(words.refuse(inbound, { code: "origin_not_allowed" }));
      }
      case "route": {
        const { route } = place;
        if (route.rewrite !== null && route.rewrite(inbound.target.path) === null) {
          return refused(words.refuse(inbound, { code: "ambiguous_path" }));
        }
        const decision = await decide(inbound, route);
        if (decision.kind === "refused") {
          const said = await words.deny(inbound, decision);
          return refused(route.cors === null ? said : route.cors.apply(said, inbound.headers));
        }
        const { caller } = decision;
        const outgoing = await parts.outgoing(inbound, route, caller?.token ?? null);
        return answers.allowed(dialect, inbound, outgoing, caller);
      }
    }
  }

  for (const dialect of DIALECTS) {
    const endpoint = `/verify/${dialect}`;
    app.all(dialect === "ext-authz" ? `${endpoint}/*` : endpoint, async (c) => {
      const request = c.req.raw;
      const { headers, around } = c.env.inbound;
      const trust = await trustOf(headers, around.client.peerAddress);
      const isAllowed = parts.normalisesPaths && dialect === "ext-authz"
        ? trust === "secret"
        : trust !== null;
      if (options === null || !isAllowed) return refuse(c, { code: "untrusted_proxy" });
      for (const [name] of headers) {
        if (isForged(name)) return refuse(c, { code: "invalid_request", detail: FORGED });
      }
      const question: Question = {
        method: request.method,
        url: request.url,
        headers,
        endpoint: parts.prefix + endpoint,
        scheme: parts.scheme,
      };
      const original = readOriginal(dialect, question);
      if ("problem" in original) {
        return refuse(c, { code: "invalid_request", detail: original.problem });
      }
      const reading = readTold({
        ...original,
        headers,
        around,
        upgrades: mayUpgrade(original.method, headers),
        signal: request.signal,
      });
      return reading.kind === "refused"
        ? answers.refused(
          dialect,
          null,
          words.refuse(reading.asked, reading.problem),
          parts.scheme,
        )
        : await verdict(reading.inbound, dialect);
    });
  }
  app.all("/verify", (c) =>
    fail(c, {
      code: "not_found",
      detail: `Each proxy has a path of its own: ${
        DIALECTS.map((dialect) => `${parts.prefix}/verify/${dialect}`).join(", ")
      }.`,
    }));
  return app;
}

const FORGED = "A header is spelled so that a backend could take it for an identity header.";

/**
 * Whether a name is another spelling of one that carries identity (`X_Auth_Subject`).
 * A proxied request loses such a header; here it is the proxy that forwards, and it
 * replaces only what is spelled exactly.
 */
function createForgedName(names: readonly string[]): (name: string) => boolean {
  const exact = new Set(names);
  const folded = new Set(names.map(foldHeaderName));
  return (name) => !exact.has(name) && folded.has(foldHeaderName(name));
}

/**
 * Whether a request may become a WebSocket. Proxies take `Connection` and `Upgrade`
 * out before they ask; `Sec-WebSocket-Key` stays, and a client that adds it to
 * something else only gets the stricter rule.
 */
function mayUpgrade(method: string, headers: IncomingHeaders): boolean {
  return method === "GET" && (headers.get("sec-websocket-key") !== null ||
    headers.get("upgrade")?.toLowerCase().includes("websocket") === true);
}
