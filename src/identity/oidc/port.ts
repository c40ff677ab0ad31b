/**
 * An OpenID provider as the sign-in sees it.
 *
 * @module
 */
import type { WaitUntil } from "../../base/background.ts";
import type { AskContext } from "../../base/presenter.ts";
import type { OidcFailure } from "./failure.ts";
import type { SignedClaims } from "./id_token.ts";

/** On whose behalf a provider is asked. */
export interface OidcContext extends AskContext {
  readonly waitUntil: WaitUntil;
  /** The address (IPv6: the network) of whoever makes us ask; absent: we ask by ourselves. */
  readonly askedFrom?: string;
}

/** What one sign-in asks of the provider. */
export interface AuthorizationQuestion {
  /** Where the provider sends the browser back to. */
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  /** PKCE (RFC 7636). */
  readonly codeVerifier: string;
  /** Sign-in no longer ago than this, in seconds; `null`: however long ago. */
  readonly maxAgeSeconds: number | null;
  /** Wanted authentication contexts, best first (`acr_values`). */
  readonly acrValues: readonly string[];
  /** Further parameters, allowed by the configuration: `login_hint`, `prompt`, … */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Where to send a browser, or why not. */
export type AuthorizationOutcome =
  | {
    readonly kind: "redirect";
    readonly url: string;
    /** The provider would not take pushed parameters, so they travel in the URL. For the log. */
    readonly notPushed?: string;
  }
  | OidcFailure;

/** What came back to the callback, and what it must fit. */
export interface CodeQuestion {
  readonly callback: URLSearchParams;
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly maxAgeSeconds: number | null;
  readonly acrValues: readonly string[];
}

/** What the provider says of a person. */
export interface OidcProof {
  readonly kind: "proven";
  /** Of the ID token, and of UserInfo where a wanted one was missing. */
  readonly claims: SignedClaims;
  readonly idToken: string;
  readonly refreshToken: string | null;
}

/** What became of an authorization code. */
export type CodeOutcome =
  | OidcProof
  /** The provider sent the person back with an error (RFC 6749 section 4.1.2.1, Core 3.1.2.6). */
  | { readonly kind: "denied"; readonly error: string }
  | OidcFailure;

/** What became of a refresh token; without a new ID token there are no claims. */
export type RefreshedOutcome =
  | {
    readonly kind: "welcome";
    readonly claims: SignedClaims | null;
    /** Where the provider rotates: the one to use from now on. */
    readonly refreshToken: string;
  }
  | OidcFailure;

/** Whom a provider has signed out. At least one of the two is there. */
export interface LogoutNotice {
  readonly subject: string | null;
  /** The provider's own session. */
  readonly session: string | null;
  readonly jti: string;
  /** When the token may be forgotten, seconds since the epoch. */
  readonly expiresAtSeconds: number;
}

/** An OpenID provider. No method throws for anything that the provider does. */
export interface OidcProvider {
  readonly name: string;
  authorize(
    question: AuthorizationQuestion,
    context: OidcContext,
  ): Promise<AuthorizationOutcome>;
  exchange(question: CodeQuestion, context: OidcContext): Promise<CodeOutcome>;
  /** `subject` is whose token it is, as the provider calls them. */
  refresh(
    refreshToken: string,
    subject: string,
    context: OidcContext,
  ): Promise<RefreshedOutcome>;
  /** Verifies a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.6). */
  readLogoutToken(
    token: string,
    context: OidcContext,
  ): Promise<
    ({ readonly kind: "notice" } & LogoutNotice) | OidcFailure
  >;
  /** Where signing out goes on (RP-Initiated Logout 1.0); `null` where the provider has no such place. */
  endSessionUrl(
    question: {
      readonly idToken: string | null;
      readonly redirectUri: string;
      readonly state: string;
    },
    context: OidcContext,
  ): Promise<string | null>;
  /** Whether the provider failed when it was last asked. */
  isFailing(): boolean;
}
