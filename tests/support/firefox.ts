/**
 * A real Firefox: Debian's, driven over WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/),
 * which it speaks by itself; playwright-core only drives builds of its own.
 *
 * @module
 */

/** A cookie as BiDi tells it, and takes it back. */
export interface FirefoxCookie {
  readonly name: string;
  readonly value: { readonly type: "string" | "base64"; readonly value: string };
  readonly domain: string;
  readonly path: string;
  readonly httpOnly: boolean;
  readonly secure: boolean;
  readonly sameSite: string;
  readonly expiry?: number;
}

/** One browser with one window. */
export interface Firefox {
  /** Goes there, and resolves when the page that it came to is loaded. */
  goto(url: string): Promise<void>;
  /** Where it is; empty while the page there is still on its way. */
  url(): Promise<string>;
  /** The value of an expression in the page, or of its promise; JSON both ways. */
  evaluate<T>(expression: string): Promise<T>;
  cookies(): Promise<readonly FirefoxCookie[]>;
  addCookies(cookies: readonly FirefoxCookie[]): Promise<void>;
  /** Ends it; a profile of its own goes with it. */
  close(): Promise<void>;
}

/** Starts a browser; `profile` is kept where it is named. */
export async function startFirefox(profile?: string): Promise<Firefox> {
  const folder = profile ?? await Deno.makeTempDir({ prefix: "postern-firefox-" });
  const child = new Deno.Command("/usr/bin/firefox-esr", {
    args: ["--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", folder],
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const stop = async () => {
    await child.status;
    if (profile === undefined) await Deno.remove(folder, { recursive: true }).catch(() => {});
  };
  try {
    const session = await openSession(await listeningAt(child.stderr));
    return await drive(session, stop);
  } catch (error) {
    child.kill("SIGKILL");
    await stop();
    throw error;
  }
}

/** The address that it prints once it listens; what it prints later is read and dropped. */
async function listeningAt(stderr: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  const reader = stderr.pipeThrough(new TextDecoderStream()).getReader();
  let printed = "";
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    printed += piece.value;
    const [, address] = /listening on (ws:\/\/127\.0\.0\.1:\d+)/.exec(printed) ?? [];
    if (address === undefined) continue;
    void drained(reader);
    return address;
  }
  throw new Error(`Firefox has ended: ${printed}`);
}

async function drained(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  while (!(await reader.read()).done);
}

type Send = (method: string, params?: object) => Promise<Record<string, unknown>>;

interface Session {
  readonly send: Send;
  readonly socket: WebSocket;
}

async function openSession(address: string): Promise<Session> {
  const socket = new WebSocket(`${address}/session`);
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error(`no WebSocket at ${address}`));
  });
  const waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  let last = 0;
  socket.onmessage = ({ data }) => {
    const { id, type, result, error, message } = JSON.parse(data);
    const asked = waiting.get(id);
    if (asked === undefined) return;
    waiting.delete(id);
    if (type === "success") asked.resolve(result);
    else asked.reject(new Error(`${error}: ${message}`));
  };
  socket.onclose = () => {
    for (const { reject } of waiting.values()) reject(new Error("Firefox has closed"));
  };
  const send: Send = (method, params = {}) => {
    const id = ++last;
    const asked = Promise.withResolvers<Record<string, unknown>>();
    waiting.set(id, asked);
    socket.send(JSON.stringify({ id, method, params }));
    return asked.promise;
  };
  await send("session.new", { capabilities: {} });
  return { send, socket };
}

async function drive({ send, socket }: Session, stop: () => Promise<void>): Promise<Firefox> {
  const { contexts } = await send("browsingContext.getTree");
  const context = (contexts as { context: string }[])[0]?.context;
  if (context === undefined) throw new Error("Firefox has no window");

  async function evaluate<T>(expression: string): Promise<T> {
    const { type, result, exceptionDetails } = await send("script.evaluate", {
      expression: `(async () => JSON.stringify(await (${expression})) ?? "null")()`,
      target: { context },
      awaitPromise: true,
    });
    if (type !== "success") throw new Error((exceptionDetails as { text: string }).text);
    return JSON.parse((result as { value: string }).value);
  }

  return {
    evaluate,
    async goto(url) {
      await send("browsingContext.navigate", { context, url, wait: "complete" });
    },
    url: () => evaluate<string>(`document.readyState === "complete" ? location.href : ""`),
    async cookies() {
      const { cookies } = await send("storage.getCookies");
      return cookies as FirefoxCookie[];
    },
    async addCookies(cookies) {
      for (const { name, value, domain, path, httpOnly, secure, sameSite, expiry } of cookies) {
        const cookie = { name, value, domain, path, httpOnly, secure, sameSite, expiry };
        await send("storage.setCookie", { cookie });
      }
    },
    async close() {
      const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
      await send("browser.close").catch(() => {});
      await Promise.all([closed, stop()]);
    },
  };
}
