/** What the tests of the protocol client have in common. */
import { createOidcProvider } from "../../../src/identity/oidc/provider.ts";
import type { OidcProviderOptions } from "../../../src/identity/oidc/options.ts";
import type { OidcContext, OidcProvider } from "../../../src/identity/oidc/port.ts";
import { FOREIGN_ALGORITHMS } from "../../../src/tokens/issuers/options.ts";
import { createTestClock } from "../../support/clock.ts";
import type { TestClock } from "../../support/clock.ts";
import { testKeys } from "../../support/gateway.ts";

export const REDIRECT_URI = "http://localhost:9/auth/oidc/work/callback";

export const context: OidcContext = {
  requestId: "test",
  signal: new AbortController().signal,
  waitUntil: (work) => void work.catch(() => {}),
};

export const options: OidcProviderOptions = {
  name: "work",
  issuer: "http://localhost:9",
  clientId: "postern",
  clientAuth: { kind: "client_secret_basic", secret: "a secret of the tests, not a real one" },
  scopes: ["openid", "email", "profile"],
  algorithms: FOREIGN_ALGORITHMS,
  par: "auto",
  responseMode: "query",
  prompt: null,
  parameters: {},
  wanted: [],
  clockToleranceSeconds: 30,
  timeoutMs: 2_000,
  maxBytes: 256 * 1024,
};

/** Our client of a provider. */
export async function clientOf(
  issuer: string,
  changed: Partial<OidcProviderOptions> = {},
  clock: TestClock = createTestClock(),
): Promise<OidcProvider> {
  const { ring } = await testKeys();
  return createOidcProvider({ ...options, issuer, ...changed }, { fetch, keys: ring, clock });
}

/** A question as the sign-in makes it. */
export function question() {
  const random = () =>
    crypto.getRandomValues(new Uint8Array(32)).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });
  return {
    redirectUri: REDIRECT_URI,
    state: random(),
    nonce: random(),
    codeVerifier: random(),
    maxAgeSeconds: null as number | null,
    acrValues: [] as readonly string[],
    parameters: {} as Readonly<Record<string, string>>,
  };
}
