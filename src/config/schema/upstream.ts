/**
 * `upstreams`: the backends.
 *
 * @module
 */
import * as z from "../../base/schema.ts";
import { claimName, duration, headerName, isOrigin, size } from "./values.ts";

const assertion = z.union([
  z.boolean(),
  z.strictObject({
    header: z.prefault(z.enum(["X-Auth-Assertion", "Authorization"]), "X-Auth-Assertion"),
    audience: z.exactOptional(z.string().check(z.minLength(1))).check(
      z.describe("`aud` of the assertion; the upstream's name."),
    ),
    ttl: duration("60s", { min: "5s", max: "10m" }),
    alg: z.prefault(z.enum(["ES256", "EdDSA", "RS256"]), "ES256"),
  }),
]);

/** One backend of an upstream. */
export const upstreamTarget = z.string().check(
  z.refine((text) => isOrigin(text) || /^unix:\/[^\0?#]+$/.test(text), {
    error:
      'must be an http(s) origin without a path, such as "http://127.0.0.1:8000", or a Unix socket, such as "unix:/run/app.sock"',
  }),
);

export const upstream = z.strictObject({
  targets: z.array(upstreamTarget).check(z.minLength(1)),
  timeout: duration("30s", { min: "50ms", max: "1h" }).check(
    z.describe("How long to wait for the answer to begin, after the last byte of the request."),
  ),
  assertion: z.prefault(assertion, false).check(
    z.describe("Whether, and how, this upstream gets a signed identity assertion."),
  ),
  forwardToken: z.prefault(z.boolean(), false).check(
    z.describe("Whether a Bearer token that others signed (issuers) is passed on to it."),
  ),
  headers: z.prefault(z.record(headerName, claimName), {}).check(
    z.describe('Extra identity headers: header name to claim, e.g. {"Remote-User": "sub"}.'),
  ),
  idleTimeout: duration("5m", { min: "50ms", max: "1d" }).check(
    z.describe("How long an answer may pause between two pieces before it is broken off."),
  ),
  maxConcurrent: z.prefault(z.int().check(z.minimum(1), z.maximum(1_000_000)), 10_000).check(
    z.describe("Requests under way at one time; further ones get 503 upstream_busy."),
  ),
  connectTimeout: duration("5s", { min: "10ms", max: "5m" }).check(
    z.describe("How long a connection may take to stand, TLS included."),
  ),
  keepAlive: duration("4s", { min: "10ms", max: "10m" }).check(
    z.describe(
      "After this an idle connection is closed; keep it shorter than the target's own idle timeout.",
    ),
  ),
  http2: z.prefault(z.boolean(), false).check(
    z.describe("Whether HTTP/2 is spoken where an https target offers it."),
  ),
  answerHeaders: z.prefault(
    z.strictObject({
      bytes: z.prefault(size(), "64KiB"),
      lines: z.prefault(z.int().check(z.minimum(1), z.maximum(10_000)), 500),
    }),
    {},
  ).check(z.describe("What the headers of an answer may be at most; more is 502.")),
  via: z.prefault(z.boolean(), false).check(
    z.describe(
      "Whether Via names Postern to both sides (RFC 9110 section 7.6.3); nginx stops compressing at it.",
    ),
  ),
  host: z.prefault(z.enum(["target", "incoming"]), "target").check(
    z.describe("Whose name stands in Host: the target's, or the one the client asked for."),
  ),
  health: z.exactOptional(z.strictObject({
    path: z.string().check(z.regex(/^\/[\x21-\x22\x24-\x7E]*$/, {
      error: 'must be a path such as "/healthz"',
    })),
    interval: duration("10s", { min: "50ms", max: "1h" }),
    timeout: duration("2s", { min: "10ms", max: "60s" }),
    healthyAfter: z.prefault(z.int().check(z.minimum(1), z.maximum(100)), 1),
    unhealthyAfter: z.prefault(z.int().check(z.minimum(1), z.maximum(100)), 2),
  })).check(
    z.describe(
      "Asks each target by itself whether it works (2xx); only where the runtime can work without a request.",
    ),
  ),
  ejection: z.exactOptional(z.strictObject({
    failures: z.prefault(z.int().check(z.minimum(1), z.maximum(10_000)), 5).check(
      z.describe("Failures in a row after which a target gets no requests."),
    ),
    for: duration("10s", { min: "10ms", max: "1h" }).check(
      z.describe("After this one request is let through as a trial."),
    ),
    statuses: z.prefault(z.array(z.union([z.literal(502), z.literal(503), z.literal(504)])), [])
      .check(z.describe("Answers that count as a failure of the target too.")),
  })).check(
    z.describe(
      "On by default where there are several targets; a single target is given a rest only when this is set.",
    ),
  ),
  tls: z.exactOptional(
    z.strictObject({
      ca: z.exactOptional(z.string().check(z.minLength(1))).check(
        z.describe("PEM file of the certificate authorities."),
      ),
      cert: z.exactOptional(z.string().check(z.minLength(1))).check(
        z.describe("PEM file of the client certificate."),
      ),
      key: z.exactOptional(z.string().check(z.minLength(1))).check(
        z.describe("PEM file of its private key."),
      ),
      serverName: z.exactOptional(
        z.string().check(z.regex(/^[A-Za-z0-9.-]+$/, { error: "must be a host name" })),
      ).check(
        z.describe("The name that the target's certificate must have, in place of its host."),
      ),
    }).check(z.refine((tls) => (tls.cert === undefined) === (tls.key === undefined), {
      error: "cert and key belong together",
    })),
  ),
}).check(
  z.refine(({ http2, targets }) => !http2 || targets.every((each) => each.startsWith("https:")), {
    path: ["http2"],
    error: "is agreed upon in the TLS handshake, so that every target must be https",
  }),
);
