/**
 * A page on its way out: language, nonce, policy, cookies.
 *
 * @module
 */
import type { Context } from "hono";
import type { Fields } from "../../http/body.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import type { Problem } from "../../http/problem.ts";
import type { Brand, Html } from "./layout_html.ts";
import type { PagesConfig } from "./options.ts";
import { createTexts } from "./texts.ts";
import type { Texts } from "./texts.ts";

/** A request on its way through Hono. */
export type GatewayContext = Context<GatewayEnv>;

/** What every page is drawn with. */
export interface Look {
  readonly brand: Brand;
  readonly texts: Texts;
  /** For the one style element, and the one script where there is one (CSP Level 3). */
  readonly nonce: string;
}

/** Answers with a page. */
export type Page = (
  c: GatewayContext,
  status: number,
  setCookies: readonly string[],
  render: (look: Look) => Html,
  /** A page that runs a script of its own, and asks us with it. */
  scripts?: { readonly runs: true },
) => Promise<Response>;

/** Prepares {@link Page}. `images` are all that any page may show; `secure`: the origin is https. */
export function createPage(
  { config, images, secure }: {
    readonly config: PagesConfig;
    readonly images: readonly (string | null)[];
    readonly secure: boolean;
  },
): Page {
  const { brand } = config;
  const textsFor = createTexts(config.texts, config.language);

  return async function page(c, status, setCookies, render, scripts) {
    const nonce = crypto.getRandomValues(new Uint8Array(16)).toBase64();
    const texts = textsFor(c.req.header("accept-language") ?? null);
    const headers = new Headers({
      "content-type": "text/html; charset=utf-8",
      "content-language": texts.language,
      "cache-control": "no-store",
      "vary": "Accept-Language, Cookie",
      "content-security-policy": pagePolicy(nonce, images, secure, scripts !== undefined),
      // With no-referrer the form would be posted with "Origin: null".
      "referrer-policy": "same-origin",
    });
    for (const cookie of setCookies) headers.append("set-cookie", cookie);
    const body = await render({ brand, texts, nonce });
    return new Response(String(body), { status, headers });
  };
}

/** See Other: whatever was posted is not posted again (RFC 9110 §15.4.4). */
export function redirect(location: string, setCookies: readonly string[] = []): Response {
  const headers = new Headers({ location, "cache-control": "no-store" });
  for (const cookie of setCookies) headers.append("set-cookie", cookie);
  return new Response(null, { status: 303, headers });
}

/** Says when it is worth another try, where that is known. */
export function withRetryAfter(response: Response, problem: Problem): Response {
  const seconds = problem.retryAfterSeconds ?? (response.status === 503 ? 1 : undefined);
  if (seconds !== undefined) response.headers.set("retry-after", String(Math.ceil(seconds)));
  return response;
}

/** A field of a form; empty where there is none. */
export function text(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : "";
}

/**
 * Nothing from anywhere (CSP Level 3). Chrome holds the redirects that follow a form
 * against `form-action`, too, and where somebody wanted to go may lead to another site.
 */
function pagePolicy(
  nonce: string,
  images: readonly (string | null)[],
  secure: boolean,
  runs: boolean,
): string {
  const sources = new Set(images.filter((each) => each !== null).map(imageSource));
  const scripts = runs ? ` script-src 'nonce-${nonce}'; connect-src 'self';` : "";
  return `default-src 'none';${scripts} style-src 'nonce-${nonce}'; img-src ${
    sources.size === 0 ? "'none'" : Array.from(sources).join(" ")
  }; form-action 'self' https:${secure ? "" : " http:"}; frame-ancestors 'none'; base-uri 'none'`;
}

function imageSource(image: string): string {
  if (image.startsWith("data:")) return "data:";
  return image.startsWith("/") ? "'self'" : new URL(image).origin;
}
