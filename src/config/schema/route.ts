/**
 * `routes`: what is reached, by whom.
 *
 * @module
 */
import * as z from "zod";
import { patternProblem } from "../../policy/pattern.ts";
import { headerRuleProblem, isHeaderValue, passedHeaderProblem } from "../header_rules.ts";
import { cors } from "./cors.ts";
import { claimName, duration, scopeToken, size } from "./values.ts";

const rulesFor = (direction: "request" | "response") => {
  const name = z.string().superRefine((text, context) => {
    const problem = headerRuleProblem(direction, text);
    if (problem !== null) context.addIssue({ code: "custom", message: `"${text}" ${problem}` });
  });
  const value = z.string().refine(isHeaderValue, { error: "must be visible ASCII" });
  return z.strictObject({
    set: z.record(name, value).prefault({}),
    remove: z.array(name).prefault([]),
  }).exactOptional();
};

const passedHeader = z.string().superRefine((text, context) => {
  const problem = passedHeaderProblem(text);
  if (problem !== null) context.addIssue({ code: "custom", message: `"${text}" ${problem}` });
});

const rewritePath = z.string().regex(/^(\/[A-Za-z0-9\-_~!$&'()+,=:@]+)+$/, {
  error: 'must be a path without a trailing slash, such as "/api"',
});

const claimRequirement = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.array(z.union([z.string(), z.number(), z.boolean()])).min(1),
]);

export const route = z.strictObject({
  path: z.string().superRefine((pattern, context) => {
    const problem = patternProblem(pattern);
    if (problem !== null) context.addIssue({ code: "custom", message: problem });
  }).describe('"/exact", "/prefix/*", "/users/:id/*" or "/*". The first match wins.'),
  host: z.string().regex(/^(\*\.)?[A-Za-z0-9.-]+$/, {
    error: 'must be a host name such as "api.example.com" or "*.example.com"',
  }).exactOptional(),
  methods: z.array(z.string().regex(/^[A-Z]+$/, { error: "must be an upper-case method name" }))
    .min(1).exactOptional(),
  upstream: z.string(),
  auth: z.enum(["required", "none"]).prefault("required"),
  require: z.strictObject({
    scope: z.array(scopeToken).min(1).exactOptional(),
    claims: z.record(claimName, claimRequirement).exactOptional(),
    deviceBound: z.literal(true).exactOptional().describe(
      "Only sessions and tokens that are bound to a key (`dpop`, `deviceBinding`).",
    ),
    acr: z.array(scopeToken).min(1).exactOptional().describe(
      "Authentication contexts of a provider, best first; a browser is sent there to reach one.",
    ),
    maxAuthAge: duration("15m", { min: "1s", max: "365d" }).unwrap().exactOptional().describe(
      "How long ago somebody may have signed in at the provider.",
    ),
  }).exactOptional(),
  revocation: z.enum(["view", "strict"]).prefault("view").describe(
    '"view": the local copy, at most maxStaleness old; "strict": ask the store on each request.',
  ),
  refresh: z.enum(["none", "transparent"]).prefault("none").describe(
    '"transparent": an expired access cookie beside a good refresh cookie is rotated in passing.',
  ),
  encodedSlash: z.enum(["refuse", "keep"]).prefault("refuse").describe(
    '"keep": "%2F" may stand in the path, for backends that tell it from "/"; else it is refused.',
  ),
  passHeaders: z.array(passedHeader).prefault([]).describe(
    "Headers of the client that override method, URL or client address and shall reach the upstream all the same.",
  ),
  cache: z.enum(["private", "shared"]).prefault("private").describe(
    '"shared": shared caches may keep authorised answers if the upstream says so; else they are made private.',
  ),
  maxBody: size().exactOptional().describe("In place of limits.body."),
  rewrite: z.strictObject({
    stripPrefix: rewritePath.exactOptional(),
    addPrefix: rewritePath.exactOptional(),
  }).exactOptional().describe("The path that the upstream gets; what is matched is the client's."),
  requestHeaders: rulesFor("request"),
  responseHeaders: rulesFor("response"),
  cors: cors.exactOptional(),
}).superRefine(({ path, rewrite }, context) => {
  const prefix = rewrite?.stripPrefix;
  // Else some matched paths would not begin with what is to be cut off.
  if (prefix === undefined || path === prefix || path.startsWith(`${prefix}/`)) return;
  context.addIssue({
    code: "custom",
    path: ["rewrite", "stripPrefix"],
    message: `must be the beginning of the route's path "${path}"`,
  });
});
