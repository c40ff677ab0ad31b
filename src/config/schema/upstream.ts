/**
 * `upstreams`: the backends.
 *
 * @module
 */
import * as z from "zod";
import { claimName, duration, headerName, isOrigin, size } from "./values.ts";

const assertion = z.union([
  z.boolean(),
  z.strictObject({
    header: z.enum(["X-Auth-Assertion", "Authorization"]).prefault("X-Auth-Assertion"),
    audience: z.string().min(1).exactOptional().describe(
      "`aud` of the assertion; the upstream's name.",
    ),
    ttl: duration("60s", { min: "5s", max: "10m" }),
    alg: z.enum(["ES256", "EdDSA", "RS256"]).prefault("ES256"),
  }),
]);

/** One backend of an upstream. */
export const upstreamTarget = z.string().refine(
  (text) => isOrigin(text) || /^unix:\/[^\0?#]+$/.test(text),
  {
    error:
      'must be an http(s) origin without a path, such as "http://127.0.0.1:8000", or a Unix socket, such as "unix:/run/app.sock"',
  },
);

export const upstream = z.strictObject({
  targets: z.array(upstreamTarget).min(1),
  timeout: duration("30s", { min: "50ms", max: "1h" })
    .describe("How long to wait for the answer to begin, after the last byte of the request."),
  assertion: assertion.prefault(false)
    .describe("Whether, and how, this upstream gets a signed identity assertion."),
  forwardToken: z.boolean().prefault(false)
    .describe("Whether a Bearer token that others signed (issuers) is passed on to it."),
  headers: z.record(headerName, claimName).prefault({})
    .describe('Extra identity headers: header name to claim, e.g. {"Remote-User": "sub"}.'),
  idleTimeout: duration("5m", { min: "50ms", max: "1d" })
    .describe("How long an answer may pause between two pieces before it is broken off."),
  maxConcurrent: z.int().min(1).max(1_000_000).prefault(10_000)
    .describe("Requests under way at one time; further ones get 503 upstream_busy."),
  connectTimeout: duration("5s", { min: "10ms", max: "5m" })
    .describe("How long a connection may take to stand, TLS included."),
  keepAlive: duration("4s", { min: "10ms", max: "10m" }).describe(
    "After this an idle connection is closed; keep it shorter than the target's own idle timeout.",
  ),
  http2: z.boolean().prefault(false)
    .describe("Whether HTTP/2 is spoken where an https target offers it."),
  answerHeaders: z.strictObject({
    bytes: size().prefault("64KiB"),
    lines: z.int().min(1).max(10_000).prefault(500),
  }).prefault({}).describe("What the headers of an answer may be at most; more is 502."),
  via: z.boolean().prefault(false).describe(
    "Whether Via names Postern to both sides (RFC 9110 section 7.6.3); nginx stops compressing at it.",
  ),
  host: z.enum(["target", "incoming"]).prefault("target")
    .describe("Whose name stands in Host: the target's, or the one the client asked for."),
  health: z.strictObject({
    path: z.string().regex(/^\/[\x21-\x22\x24-\x7E]*$/, {
      error: 'must be a path such as "/healthz"',
    }),
    interval: duration("10s", { min: "50ms", max: "1h" }),
    timeout: duration("2s", { min: "10ms", max: "60s" }),
    healthyAfter: z.int().min(1).max(100).prefault(1),
    unhealthyAfter: z.int().min(1).max(100).prefault(2),
  }).exactOptional().describe(
    "Asks each target by itself whether it works (2xx); only where the runtime can work without a request.",
  ),
  ejection: z.strictObject({
    failures: z.int().min(1).max(10_000).prefault(5)
      .describe("Failures in a row after which a target gets no requests."),
    for: duration("10s", { min: "10ms", max: "1h" })
      .describe("After this one request is let through as a trial."),
    statuses: z.array(z.union([z.literal(502), z.literal(503), z.literal(504)])).prefault([])
      .describe("Answers that count as a failure of the target too."),
  }).exactOptional().describe(
    "On by default where there are several targets; a single target is given a rest only when this is set.",
  ),
  tls: z.strictObject({
    ca: z.string().min(1).exactOptional().describe("PEM file of the certificate authorities."),
    cert: z.string().min(1).exactOptional().describe("PEM file of the client certificate."),
    key: z.string().min(1).exactOptional().describe("PEM file of its private key."),
    serverName: z.string().regex(/^[A-Za-z0-9.-]+$/, { error: "must be a host name" })
      .exactOptional()
      .describe("The name that the target's certificate must have, in place of its host."),
  }).refine((tls) => (tls.cert === undefined) === (tls.key === undefined), {
    error: "cert and key belong together",
  }).exactOptional(),
}).refine(({ http2, targets }) => !http2 || targets.every((each) => each.startsWith("https:")), {
  path: ["http2"],
  error: "is agreed upon in the TLS handshake, so that every target must be https",
});
