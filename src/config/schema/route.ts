/**
 * `routes`: what is reached, by whom.
 *
 * @module
 */
import * as z from "../../base/schema.ts";
import { patternProblem } from "../../policy/pattern.ts";
import { headerRuleProblem, isHeaderValue, passedHeaderProblem } from "../header_rules.ts";
import { cors } from "./cors.ts";
import { claimName, duration, scopeToken, size } from "./values.ts";

const rulesFor = (direction: "request" | "response") => {
  const name = z.string().check(z.superRefine((text, context) => {
    const problem = headerRuleProblem(direction, text);
    if (problem !== null) context.addIssue({ code: "custom", message: `"${text}" ${problem}` });
  }));
  const value = z.string().check(z.refine(isHeaderValue, { error: "must be visible ASCII" }));
  return z.exactOptional(z.strictObject({
    set: z.prefault(z.record(name, value), {}),
    remove: z.prefault(z.array(name), []),
  }));
};

const passedHeader = z.string().check(z.superRefine((text, context) => {
  const problem = passedHeaderProblem(text);
  if (problem !== null) context.addIssue({ code: "custom", message: `"${text}" ${problem}` });
}));

const rewritePath = z.string().check(z.regex(/^(\/[A-Za-z0-9\-_~!$&'()+,=:@]+)+$/, {
  error: 'must be a path without a trailing slash, such as "/api"',
}));

const claimRequirement = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.array(z.union([z.string(), z.number(), z.boolean()])).check(z.minLength(1)),
]);

export const route = z.strictObject({
  path: z.string().check(
    z.superRefine((pattern, context) => {
      const problem = patternProblem(pattern);
      if (problem !== null) context.addIssue({ code: "custom", message: problem });
    }),
    z.describe('"/exact", "/prefix/*", "/users/:id/*" or "/*". The first match wins.'),
  ),
  host: z.exactOptional(
    z.string().check(z.regex(/^(\*\.)?[A-Za-z0-9.-]+$/, {
      error: 'must be a host name such as "api.example.com" or "*.example.com"',
    })),
  ),
  methods: z.exactOptional(
    z.array(z.string().check(z.regex(/^[A-Z]+$/, { error: "must be an upper-case method name" })))
      .check(z.minLength(1)),
  ),
  upstream: z.string(),
  auth: z.prefault(z.enum(["required", "none"]), "required"),
  require: z.exactOptional(z.strictObject({
    scope: z.exactOptional(z.array(scopeToken).check(z.minLength(1))),
    claims: z.exactOptional(z.record(claimName, claimRequirement)),
    deviceBound: z.exactOptional(z.literal(true)).check(
      z.describe("Only sessions and tokens that are bound to a key (`dpop`, `deviceBinding`)."),
    ),
    acr: z.exactOptional(z.array(scopeToken).check(z.minLength(1))).check(
      z.describe(
        "Authentication contexts of a provider, best first; a browser is sent there to reach one.",
      ),
    ),
    maxAuthAge: z.exactOptional(duration("15m", { min: "1s", max: "365d" }).def.innerType).check(
      z.describe("How long ago somebody may have signed in at the provider."),
    ),
  })),
  revocation: z.prefault(z.enum(["view", "strict"]), "view").check(
    z.describe(
      '"view": the local copy, at most maxStaleness old; "strict": ask the store on each request.',
    ),
  ),
  refresh: z.prefault(z.enum(["none", "transparent"]), "none").check(
    z.describe(
      '"transparent": an expired access cookie beside a good refresh cookie is rotated in passing.',
    ),
  ),
  encodedSlash: z.prefault(z.enum(["refuse", "keep"]), "refuse").check(
    z.describe(
      '"keep": "%2F" may stand in the path, for backends that tell it from "/"; else it is refused.',
    ),
  ),
  passHeaders: z.prefault(z.array(passedHeader), []).check(
    z.describe(
      "Headers of the client that override method, URL or client address and shall reach the upstream all the same.",
    ),
  ),
  cache: z.prefault(z.enum(["private", "shared"]), "private").check(
    z.describe(
      '"shared": shared caches may keep authorised answers if the upstream says so; else they are made private.',
    ),
  ),
  maxBody: z.exactOptional(size()).check(z.describe("In place of limits.body.")),
  rewrite: z.exactOptional(z.strictObject({
    stripPrefix: z.exactOptional(rewritePath),
    addPrefix: z.exactOptional(rewritePath),
  })).check(z.describe("The path that the upstream gets; what is matched is the client's.")),
  requestHeaders: rulesFor("request"),
  responseHeaders: rulesFor("response"),
  cors: z.exactOptional(cors),
}).check(z.superRefine(({ path, rewrite }, context) => {
  const prefix = rewrite?.stripPrefix;
  // Else some matched paths would not begin with what is to be cut off.
  if (prefix === undefined || path === prefix || path.startsWith(`${prefix}/`)) return;
  context.addIssue({
    code: "custom",
    path: ["rewrite", "stripPrefix"],
    message: `must be the beginning of the route's path "${path}"`,
  });
}));
