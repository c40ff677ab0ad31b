/**
 * `providers`: OpenID providers that people sign in at.
 *
 * @module
 */
import * as z from "zod";
import { PROTOCOL_PARAMETERS } from "../../identity/oidc/options.ts";
import { FOREIGN_ALGORITHMS } from "../../tokens/issuers/options.ts";
import { claimName, duration, httpUrl, jsonPointer, scopeToken } from "./values.ts";

/** Where a secret stands; never in the file itself. */
export const secretRef = z.union([
  z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
  z.strictObject({ file: z.string().min(1) }),
], { error: 'must be {"env": "NAME"} or {"file": "path"}: secrets do not stand in this file' });

const domain = z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, {
  error: 'must be a domain in lower case, such as "example.com"',
});

const address = z.string().regex(/^[!-?A-~]+@[a-z0-9-]+(\.[a-z0-9-]+)*$/, {
  error: 'must be an e-mail address, such as "ada@example.com"',
}).transform((text) => text.toLowerCase());

const parameterName = z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/)
  .refine((name) => !PROTOCOL_PARAMETERS.has(name), {
    error: "is written by the protocol itself",
  });

const provider = z.strictObject({
  issuer: httpUrl("the provider's issuer URL", { path: true }).describe(
    "Exactly as the provider writes it in `iss`; a trailing slash matters.",
  ),
  clientId: z.string().min(1).max(255),
  clientSecret: secretRef.exactOptional(),
  clientAuth: z.enum([
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
    "none",
  ]).exactOptional().describe(
    'client_secret_basic where there is a secret; "private_key_jwt" signs with a key of POSTERN_KEYS.',
  ),
  scopes: z.array(scopeToken).prefault(["openid", "email", "profile"]),
  subject: jsonPointer.prefault("/sub"),
  claims: z.record(claimName, jsonPointer).prefault({})
    .describe("Claim name to JSON pointer into the ID token, or UserInfo."),
  groups: jsonPointer.prefault("/groups").describe("Where the person's groups stand."),
  scopeFrom: z.record(z.string().min(1), z.array(scopeToken)).exactOptional()
    .describe("Group to scope tokens."),
  allow: z.strictObject({
    domains: z.array(domain).min(1).exactOptional(),
    emails: z.array(address).min(1).exactOptional(),
    subjects: z.array(z.string().min(1)).min(1).exactOptional(),
    groups: z.array(z.string().min(1)).min(1).exactOptional(),
  }).exactOptional().describe(
    "Whom to let in: one of domains, emails and subjects names the person; groups must hold one too.",
  ),
  verifiesEmail: z.boolean().prefault(false).describe(
    "The provider sends no email_verified, and nobody can put another's address there.",
  ),
  algorithms: z.array(z.enum(FOREIGN_ALGORITHMS)).min(1).exactOptional(),
  par: z.enum(["auto", "always", "never"]).prefault("auto"),
  responseMode: z.enum(["query", "form_post"]).prefault("query"),
  prompt: z.string().regex(/^[a-z_]+( [a-z_]+)*$/).exactOptional(),
  parameters: z.record(parameterName, z.string().max(500)).prefault({})
    .describe("Further parameters of every authorization request."),
  hints: z.record(
    parameterName,
    z.union([z.literal("any"), z.array(z.string().max(256)).min(1)]),
  ).prefault({ login_hint: "any" }).describe(
    "Parameters that a sign-in link may bring along, and their values.",
  ),
  recheck: z.enum(["none", "refresh"]).prefault("none").describe(
    '"refresh": at each rotation the provider is asked, with its refresh token, whether the person may stay.',
  ),
  logout: z.strictObject({
    rpInitiated: z.boolean().prefault(true),
    backChannel: z.boolean().prefault(true),
  }).prefault({}),
  label: z.string().min(1).max(60).exactOptional(),
  icon: z.string().regex(
    /^(\/(?!\/)[^\s\\;,]*|https:\/\/[^\s\\;,]+|data:image\/[\w.+-]+[;,]\S+)$/,
    { error: 'must be a path such as "/icon.svg", an https URL, or a data:image URL' },
  ).exactOptional(),
  timeout: duration("5s", { min: "100ms", max: "30s" }),
}).superRefine(({ clientAuth, clientSecret, scopes }, context) => {
  const hasSecret = clientSecret !== undefined;
  const needsSecret = clientAuth === undefined || clientAuth.startsWith("client_secret");
  if (needsSecret !== hasSecret) {
    context.addIssue({
      code: "custom",
      path: ["clientSecret"],
      message: hasSecret
        ? `is not used with clientAuth "${clientAuth}"; remove it`
        : 'is required; put {"env": "NAME"} there, or set clientAuth to "private_key_jwt"',
    });
  }
  if (!scopes.includes("openid")) {
    context.addIssue({ code: "custom", path: ["scopes"], message: 'must hold "openid"' });
  }
});

export const providers = z.record(
  z.string().regex(/^[a-z0-9][a-z0-9_-]{0,31}$/, {
    error: "must be lower-case letters, digits, _ or -: it stands in addresses and subjects",
  }),
  provider,
).prefault({}).describe("OpenID providers that people sign in at, beside or instead of identity.");
