/**
 * A browser without a screen: cookies by host and path, redirects one by one,
 * and the login form of the provider filled in.
 *
 * @module
 */

/** What a page answered. */
export interface Visit {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly host: string;
  readonly path: string;
}

/** Headers of a top-level navigation in Chromium. */
export const NAVIGATION: Readonly<Record<string, string>> = {
  "accept": "text/html,application/xhtml+xml",
  "sec-fetch-mode": "navigate",
  "sec-fetch-dest": "document",
  "sec-fetch-user": "?1",
};

/** Keeps cookies and goes where it is sent. */
export function createBrowserless() {
  const cookies: Cookie[] = [];

  function keep(url: URL, headers: Headers): void {
    for (const line of headers.getSetCookie()) {
      const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
      const name = pair.slice(0, pair.indexOf("="));
      const value = pair.slice(pair.indexOf("=") + 1);
      const attribute = (wanted: string) =>
        attributes.find((each) => each.toLowerCase().startsWith(`${wanted}=`))
          ?.slice(wanted.length + 1);
      const path = attribute("path") ?? "/";
      const at = cookies.findIndex((each) =>
        each.name === name && each.host === url.host && each.path === path
      );
      if (at >= 0) cookies.splice(at, 1);
      const expires = attribute("expires");
      const gone = attribute("max-age") === "0" ||
        (expires !== undefined && Date.parse(expires) < Date.now());
      if (!gone) cookies.push({ name, value, host: url.host, path });
    }
  }

  function header(url: URL): string {
    return cookies
      .filter(({ host, path }) => host === url.host && url.pathname.startsWith(path))
      .map(({ name, value }) => `${name}=${value}`)
      .join("; ");
  }

  /** One request, no redirect followed. */
  async function request(address: string, init: RequestInit = {}): Promise<Visit> {
    const url = new URL(address);
    const cookie = header(url);
    const response = await fetch(url, {
      ...init,
      headers: { ...(cookie === "" ? {} : { cookie }), ...init.headers as Record<string, string> },
      redirect: "manual",
    });
    keep(url, response.headers);
    return {
      url: url.href,
      status: response.status,
      headers: response.headers,
      text: await response.text(),
    };
  }

  /** A navigation, with the redirects it leads to; `until` stops before an address is asked. */
  async function go(
    address: string,
    until?: (url: string) => boolean,
    init: RequestInit = {},
  ): Promise<Visit> {
    let visit = await request(address, {
      ...init,
      headers: { ...NAVIGATION, ...init.headers as Record<string, string> },
    });
    for (let hops = 0; hops < 15; hops++) {
      const location = visit.headers.get("location");
      if (location === null || visit.status < 300 || visit.status > 399) return visit;
      const next = new URL(location, visit.url).href;
      if (until?.(next)) return { ...visit, url: next };
      visit = await request(next, { headers: NAVIGATION });
    }
    throw new Error(`it goes round in circles: ${visit.url}`);
  }

  /** Fills in the login form that a visit ended at, and goes on. */
  function logIn(form: Visit, login: string, until?: (url: string) => boolean): Promise<Visit> {
    const [, action] = /<form[^>]*action="([^"]+)"/.exec(form.text) ?? [];
    if (action === undefined) throw new Error(`no form at ${form.url}: ${form.text.slice(0, 300)}`);
    return go(new URL(action, form.url).href, until, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ prompt: "login", login, password: "any" }).toString(),
    });
  }

  return {
    request,
    go,
    logIn,
    cookies: () => cookies as readonly Cookie[],
    forget(matches: (cookie: Cookie) => boolean) {
      for (const each of cookies.filter(matches)) cookies.splice(cookies.indexOf(each), 1);
    },
  };
}

/** What {@link createBrowserless} makes. */
export type Browserless = ReturnType<typeof createBrowserless>;
