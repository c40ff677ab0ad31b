/**
 * The sign-in page as it is answered with, whatever led to it.
 *
 * @module
 */
import { isNavigation } from "../../browser/navigation.ts";
import type { Problem } from "../../http/problem.ts";
import { isOidcReason } from "../oidc/reasons.ts";
import type { GatewayContext, Page } from "./page.ts";
import { signInPage } from "./sign_in_html.ts";
import type { SignInNotice } from "./sign_in_html.ts";

/** A provider, as the sign-in page shows it. */
export interface PageProvider {
  readonly name: string;
  readonly label: string;
  readonly icon: string | null;
  isFailing(): boolean;
}

/** What the page shows this time. */
export interface SignInView {
  readonly returnTo: string;
  readonly notice: SignInNotice;
  readonly username?: string;
  readonly setCookies?: readonly string[];
  readonly status?: number;
}

/** The page, and what of it is decided before it is shown. */
export interface SignInPage {
  show(c: GatewayContext, view: SignInView): Promise<Response>;
  /** Where a provider's flow begins. */
  startOf(provider: PageProvider, returnTo: string): string;
  /**
   * Whose page this would only be one more click to; not after a sign-out, nor where
   * there is something to read.
   */
  straightOn(c: GatewayContext, reason: string | undefined): PageProvider | null;
  noticeOfReason(c: GatewayContext, expired: boolean): SignInNotice;
}

/** Prepares {@link SignInPage}. */
export function createSignInPage(
  { page, prefix, brandName, hasPassword, providers }: {
    readonly page: Page;
    readonly prefix: string;
    readonly brandName: string;
    readonly hasPassword: boolean;
    readonly providers: readonly PageProvider[];
  },
): SignInPage {
  function show(c: GatewayContext, view: SignInView): Promise<Response> {
    const { returnTo, notice, username = "", setCookies = [], status = 200 } = view;
    return page(
      c,
      status,
      setCookies,
      (look) =>
        signInPage({
          ...look,
          returnTo,
          username,
          notice,
          hasPassword,
          providers: providers.map((provider) => ({
            label: provider.label,
            icon: provider.icon,
            href: startOf(provider, returnTo),
            isFailing: provider.isFailing(),
          })),
        }),
    );
  }

  function startOf({ name }: PageProvider, returnTo: string): string {
    return `${prefix}/oidc/${name}/start?return_to=${encodeURIComponent(returnTo)}`;
  }

  function straightOn(c: GatewayContext, reason: string | undefined): PageProvider | null {
    const [only, ...others] = providers;
    const hasWords = reason !== undefined && reason !== "expired";
    if (only === undefined || others.length > 0 || hasPassword || hasWords) return null;
    return isNavigation(c.req.method, c.req.raw.headers) ? only : null;
  }

  function noticeOfReason(c: GatewayContext, expired: boolean): SignInNotice {
    const reason = c.req.query("reason");
    if (reason === "signed_out") return { kind: "signed_out" };
    if (expired || reason === "expired") return { kind: "expired" };
    const provider = providers.find(({ name }) => name === c.req.query("provider"));
    if (!isOidcReason(reason) || providers.length === 0) return { kind: "none" };
    return { kind: "provider", reason, label: provider?.label ?? brandName };
  }

  return { show, startOf, straightOn, noticeOfReason };
}

/** What a refusal is in words. */
export function noticeOf(problem: Problem): SignInNotice {
  switch (problem.code) {
    case "invalid_credentials":
      return { kind: "wrong" };
    case "invalid_request":
      return { kind: "missing" };
    case "too_many_attempts":
      return { kind: "throttled", retryAfterSeconds: problem.retryAfterSeconds ?? 60 };
    case "csrf_failed":
    case "ambiguous_credentials":
      return { kind: "refused" };
    case "claims_too_large":
      return { kind: "too_large" };
    default:
      return { kind: "unavailable" };
  }
}
