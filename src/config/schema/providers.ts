/**
 * `providers`: OpenID providers that people sign in at.
 *
 * @module
 */
import * as z from "../../base/schema.ts";
import { PROTOCOL_PARAMETERS } from "../../identity/oidc/options.ts";
import { FOREIGN_ALGORITHMS } from "../../tokens/issuers/options.ts";
import { claimName, duration, httpUrl, jsonPointer, scopeToken } from "./values.ts";

/** Where a secret stands; never in the file itself. */
export const secretRef = z.union([
  z.strictObject({
    env: z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
      error: 'must be the name of an environment variable, such as "OIDC_SECRET"',
    })),
  }),
  z.strictObject({ file: z.string().check(z.minLength(1)) }),
], { error: 'must be {"env": "NAME"} or {"file": "path"}: secrets do not stand in this file' });

const domain = z.string().check(z.regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, {
  error: 'must be a domain in lower case, such as "example.com"',
}));

const address = z.pipe(
  z.string().check(z.regex(/^[!-?A-~]+@[a-z0-9-]+(\.[a-z0-9-]+)*$/, {
    error: 'must be an e-mail address, such as "ada@example.com"',
  })),
  z.transform((text) => text.toLowerCase()),
);

const parameterName = z.string().check(
  z.regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, {
    error: "must be a letter, then letters, digits, _ . or -",
  }),
  z.refine((name) => !PROTOCOL_PARAMETERS.has(name), {
    error: "is written by the protocol itself",
  }),
);

const provider = z.strictObject({
  issuer: httpUrl("the provider's issuer URL", { path: true }).check(
    z.describe("Exactly as the provider writes it in `iss`; a trailing slash matters."),
  ),
  clientId: z.string().check(z.minLength(1), z.maxLength(255)),
  clientSecret: z.exactOptional(secretRef),
  clientAuth: z.exactOptional(z.enum([
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
    "none",
  ])).check(
    z.describe(
      'client_secret_basic where there is a secret; "private_key_jwt" signs with a key of POSTERN_KEYS.',
    ),
  ),
  scopes: z.prefault(z.array(scopeToken), ["openid", "email", "profile"]),
  subject: z.prefault(jsonPointer, "/sub"),
  claims: z.prefault(z.record(claimName, jsonPointer), {}).check(
    z.describe("Claim name to JSON pointer into the ID token, or UserInfo."),
  ),
  groups: z.prefault(jsonPointer, "/groups").check(z.describe("Where the person's groups stand.")),
  scopeFrom: z.exactOptional(z.record(z.string().check(z.minLength(1)), z.array(scopeToken))).check(
    z.describe("Group to scope tokens."),
  ),
  allow: z.exactOptional(z.strictObject({
    domains: z.exactOptional(z.array(domain).check(z.minLength(1))),
    emails: z.exactOptional(z.array(address).check(z.minLength(1))),
    subjects: z.exactOptional(z.array(z.string().check(z.minLength(1))).check(z.minLength(1))),
    groups: z.exactOptional(z.array(z.string().check(z.minLength(1))).check(z.minLength(1))),
  })).check(
    z.describe(
      "Whom to let in: one of domains, emails and subjects names the person; groups must hold one too.",
    ),
  ),
  verifiesEmail: z.prefault(z.boolean(), false).check(
    z.describe("The provider sends no email_verified, and nobody can put another's address there."),
  ),
  algorithms: z.exactOptional(z.array(z.enum(FOREIGN_ALGORITHMS)).check(z.minLength(1))),
  par: z.prefault(z.enum(["auto", "always", "never"]), "auto"),
  responseMode: z.prefault(z.enum(["query", "form_post"]), "query"),
  prompt: z.exactOptional(
    z.string().check(z.regex(/^[a-z_]+( [a-z_]+)*$/, {
      error: 'must be words of OpenID Connect, such as "login" or "select_account"',
    })),
  ),
  parameters: z.prefault(z.record(parameterName, z.string().check(z.maxLength(500))), {}).check(
    z.describe("Further parameters of every authorization request."),
  ),
  hints: z.prefault(
    z.record(
      parameterName,
      z.union([
        z.literal("any"),
        z.array(z.string().check(z.maxLength(256))).check(z.minLength(1)),
      ]),
    ),
    { login_hint: "any" },
  ).check(z.describe("Parameters that a sign-in link may bring along, and their values.")),
  recheck: z.prefault(z.enum(["none", "refresh"]), "none").check(
    z.describe(
      '"refresh": at each rotation the provider is asked, with its refresh token, whether the person may stay.',
    ),
  ),
  logout: z.prefault(
    z.strictObject({
      rpInitiated: z.prefault(z.boolean(), true),
      backChannel: z.prefault(z.boolean(), true),
    }),
    {},
  ),
  label: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(60))),
  icon: z.exactOptional(
    z.string().check(
      z.regex(/^(\/(?!\/)[^\s\\;,]*|https:\/\/[^\s\\;,]+|data:image\/[\w.+-]+[;,]\S+)$/, {
        error: 'must be a path such as "/icon.svg", an https URL, or a data:image URL',
      }),
    ),
  ),
  timeout: duration("5s", { min: "100ms", max: "30s" }),
}).check(z.superRefine(({ clientAuth, clientSecret, scopes }, context) => {
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
}));

export const providers = z.prefault(
  z.record(
    z.string().check(z.regex(/^[a-z0-9][a-z0-9_-]{0,31}$/, {
      error: "must be lower-case letters, digits, _ or -: it stands in addresses and subjects",
    })),
    provider,
  ),
  {},
).check(z.describe("OpenID providers that people sign in at, beside or instead of identity."));
