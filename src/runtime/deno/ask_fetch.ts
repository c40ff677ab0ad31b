/**
 * How Postern asks login endpoints and providers.
 *
 * @module
 */

/**
 * A `fetch` that asks once. Deno's own repeats a small POST by itself when a connection
 * that it kept is closed under it, whether the other side has acted or not (RFC 9110
 * §9.2.2): a password would be tried twice, and a provider that sees a code for the
 * second time ends the session. So no connection is kept.
 */
export function createAskFetch(): typeof fetch {
  // Made with the first question: it reads the environment, which is put in order before.
  let client: Deno.HttpClient | undefined;
  return (input: RequestInfo | URL, init?: RequestInit) => {
    client ??= Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
    return fetch(input, { ...init, client });
  };
}
