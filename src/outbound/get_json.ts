/**
 * Fetches a public JSON document from an address of the configuration.
 *
 * @module
 */
import { exchange } from "./exchange.ts";
import type { Answer, ExchangeLimits } from "./exchange.ts";

/** Fetches one document; never throws, never follows a redirect, never asks twice. */
export type GetJson = (url: string) => Promise<Answer>;

/** Binds the limits. The content type is not looked at: key sets come under many names. */
export function createGetJson(
  limits: ExchangeLimits,
  { fetch }: { readonly fetch: typeof globalThis.fetch },
): GetJson {
  return function getJson(url) {
    return exchange(fetch, {
      ...limits,
      url,
      method: "GET",
      headers: { "accept": "application/json, application/jwk-set+json;q=0.9, */*;q=0.1" },
      requireJsonType: false,
    });
  };
}
