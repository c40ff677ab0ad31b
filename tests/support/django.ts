/**
 * A real Django with DRF and SimpleJWT to test against (`tests/support/django/`), served by
 * gunicorn with two workers from its own folder and database. Needs the Debian packages
 * that `tests/support/setup.ts` installs.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { z } from "zod";

// Not the one on PATH: that may be another Python, without Debian's Django.
const PYTHON = "/usr/bin/python3";
const PROJECT = fileURLToPath(new URL("./django", import.meta.url));
/** Patience with a machine that is busy with other tests; a start takes about a second. */
const START_MS = 60_000;
const STOP_MS = 10_000;
const POLL_MS = 20;

/** How the project trusts Postern; see the last section of `shop/settings.py`. */
export type DjangoMode =
  /** Not at all: plain SimpleJWT that signs its own tokens. */
  | "native"
  /** By `X-Auth-Assertion`; `/api/token/` goes on working for Postern to log in at. */
  | "assertion"
  /** By the assertion as `Authorization: Bearer`, with stock SimpleJWT; without `/api/token/`. */
  | "bearer"
  /** By `X-Auth-Subject`, which is the primary key of a user. */
  | "header";

/** What a test chooses of the project. */
export interface DjangoOptions {
  readonly mode: DjangoMode;
  /** Where Postern's public keys are, for `assertion` and `bearer`. Fetched at the first use. */
  readonly jwksUrl?: string;
  /** Required `iss` of an assertion: Postern's origin. */
  readonly issuer?: string;
  /** Required `aud` of an assertion: the upstream's name in Postern's configuration. */
  readonly audience?: string;
  /** SimpleJWT's `ACCESS_TOKEN_LIFETIME`; default 300. */
  readonly accessSeconds?: number;
  /** SimpleJWT's `REFRESH_TOKEN_LIFETIME`; default one day. */
  readonly refreshSeconds?: number;
  readonly rotateRefreshTokens?: boolean;
  readonly blacklistAfterRotation?: boolean;
  readonly algorithm?: string;
  readonly signingKey?: string;
  readonly verifyingKey?: string;
  /** Puts `username` and `scope` (the user's permissions) into SimpleJWT's tokens. */
  readonly tokenClaims?: boolean;
  /** For when Postern has to know the address first; see {@link freePort}. Default: any free one. */
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A user to be created or changed; what is left out stays as it is. */
export interface DjangoUser {
  readonly username: string;
  readonly password?: string;
  readonly active?: boolean;
  readonly superuser?: boolean;
  /** Such as `"auth.view_user"`. */
  readonly permissions?: readonly string[];
  readonly deleted?: boolean;
}

const recordedSchema = z.object({
  method: z.string(),
  /** The request target as sent, before any decoding. */
  target: z.string(),
  path: z.string(),
  query: z.string(),
  /** Every header line by itself; names in small letters, `-` and `_` as sent. */
  headers: z.array(z.tuple([z.string(), z.string()])),
  /** The headers as an application reads them (`HTTP_X_AUTH_SUBJECT`). */
  meta: z.record(z.string(), z.string()),
  /** The first 64 KiB of the body. */
  body: z.string().transform((base64) => Uint8Array.fromBase64(base64)),
});

/** A request as it reached the server. */
export interface Recorded extends z.output<typeof recordedSchema> {
  /** Target, header lines and body as one text, to look for what must not be there. */
  readonly everything: string;
}

/** A running Django. It has the users `ada` (superuser) and `bob`, see {@link USERS}. */
export interface Django extends AsyncDisposable {
  /** Without a trailing slash. */
  readonly url: string;
  /** All requests since the start or the last {@link Django.forgetRecorded}, in order of arrival. */
  recorded(): Promise<Recorded[]>;
  forgetRecorded(): Promise<void>;
  /** Creates, changes and deletes users, in about half a second; answers with their ids. */
  users(users: readonly DjangoUser[]): Promise<Record<string, number>>;
  /** What gunicorn and Django have written so far: tracebacks, for example. */
  log(): string;
  /** Ends the server and removes its folder. Can be called again. */
  stop(): Promise<void>;
}

/** Who can sign in from the start. */
export const USERS = {
  ada: { username: "ada", password: "correct horse", superuser: true },
  bob: { username: "bob", password: "battery staple", permissions: ["auth.view_user"] },
} as const satisfies Record<string, DjangoUser>;

/** A TCP port of 127.0.0.1 that is free right now. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** Starts a Django of its own; resolves once it answers. */
export async function startDjango(options: DjangoOptions): Promise<Django> {
  const folder = await Deno.makeTempDir({ prefix: "postern-django-" });
  const files = {
    database: `${folder}/db.sqlite3`,
    record: `${folder}/requests.jsonl`,
  };
  await Deno.writeFile(files.database, await migratedDatabase());

  const env = { ...settingsOf(options), DJANGO_DB: files.database, RECORD_FILE: files.record };
  const args = ["-m", "gunicorn", "--config", "gunicorn.conf.py"];
  args.push("--bind", `127.0.0.1:${options.port ?? 0}`);
  const pipes = { stdin: "null", stdout: "null", stderr: "piped" } as const;
  const server = python(args, env, pipes).spawn();
  const log = collect(server.stderr);

  let stopping: Promise<void> | undefined;
  const stop = () =>
    stopping ??= (async () => {
      await end(server);
      await log.complete;
      await Deno.remove(folder, { recursive: true });
    })();
  try {
    const url = await whenListening(log);
    await whenAnswering(url);
    await Deno.truncate(files.record);
    return {
      url,
      recorded: async () => parseRecords(await Deno.readTextFile(files.record)),
      forgetRecorded: () => Deno.truncate(files.record),
      users: (users) => manageUsers(users, env),
      log: () => log.text,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw new Error(`Django did not start:\n${log.text}`, { cause: error });
  }
}

function settingsOf(options: DjangoOptions): Record<string, string> {
  const settings: Record<string, string | number | boolean | undefined> = {
    POSTERN_MODE: options.mode,
    POSTERN_JWKS_URL: options.jwksUrl,
    POSTERN_ISSUER: options.issuer,
    POSTERN_AUDIENCE: options.audience,
    DJANGO_ACCESS_SECONDS: options.accessSeconds,
    DJANGO_REFRESH_SECONDS: options.refreshSeconds,
    DJANGO_ROTATE: options.rotateRefreshTokens,
    DJANGO_BLACKLIST_AFTER_ROTATION: options.blacklistAfterRotation,
    DJANGO_ALGORITHM: options.algorithm,
    DJANGO_SIGNING_KEY: options.signingKey,
    DJANGO_VERIFYING_KEY: options.verifyingKey,
    DJANGO_TOKEN_CLAIMS: options.tokenClaims,
    ...options.env,
  };
  return Object.fromEntries(
    Object.entries(settings)
      .filter(([, value]) => value !== undefined)
      .map((
        [name, value],
      ) => [name, typeof value === "boolean" ? (value ? "1" : "0") : `${value}`]),
  );
}

function python(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  pipes: Pick<Deno.CommandOptions, "stdin" | "stdout" | "stderr">,
): Deno.Command {
  return new Deno.Command(PYTHON, {
    args: [...args],
    cwd: PROJECT,
    // Nothing of our own environment: an HTTP proxy there would hide Postern's JWKS.
    clearEnv: true,
    env: {
      PATH: "/usr/bin:/bin",
      LANG: "C.UTF-8",
      PYTHONDONTWRITEBYTECODE: "1",
      PYTHONUNBUFFERED: "1",
      DJANGO_SETTINGS_MODULE: "shop.settings",
      ...env,
    },
    ...pipes,
  });
}

/** Runs a management command to its end; answers with its standard output. */
async function manage(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input = "",
): Promise<string> {
  const child = python(["manage.py", ...args], env, {
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [output] = await Promise.all([
    child.output(),
    new Blob([input]).stream().pipeTo(child.stdin),
  ]);
  const text = (bytes: BufferSource) => new TextDecoder().decode(bytes);
  if (!output.success) throw new Error(`manage.py ${args.join(" ")}:\n${text(output.stderr)}`);
  return text(output.stdout);
}

async function manageUsers(
  users: readonly DjangoUser[],
  env: Readonly<Record<string, string>>,
): Promise<Record<string, number>> {
  const answer = await manage(["users"], env, JSON.stringify(users));
  return z.record(z.string(), z.number()).parse(JSON.parse(answer));
}

let migrated: Promise<Uint8Array> | undefined;

/** The file of a database with all tables and {@link USERS}; made once, as migrating takes a second. */
function migratedDatabase(): Promise<Uint8Array> {
  return migrated ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "postern-django-" });
    try {
      const env = { DJANGO_DB: `${folder}/db.sqlite3` };
      await manage(["migrate", "--verbosity", "0"], env);
      await manageUsers(Object.values(USERS), env);
      return await Deno.readFile(env.DJANGO_DB);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  })();
}

/** What a program has written, growing while it runs. */
interface Log {
  text: string;
  readonly complete: Promise<void>;
}

function collect(output: ReadableStream<Uint8Array<ArrayBuffer>>): Log {
  const log = { text: "", complete: Promise.resolve() };
  log.complete = output.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({ write: (text) => void (log.text += text) }),
  );
  return log;
}

async function whenListening(log: Log): Promise<string> {
  let ended = false;
  void log.complete.then(() => ended = true);
  return await poll(() => {
    if (ended) throw new Error("gunicorn has ended");
    return /Listening at: (http:\/\/[\d.:]+)/.exec(log.text)?.[1];
  });
}

async function whenAnswering(url: string): Promise<void> {
  await poll(async () => {
    const response = await fetch(`${url}/public/`);
    await response.body?.cancel();
    return response.ok || undefined;
  });
}

async function poll<T>(attempt: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline) {
    const result = await attempt();
    if (result !== undefined) return result;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`not ready after ${START_MS} ms`);
}

async function end(server: Deno.ChildProcess): Promise<void> {
  const signal = (name: Deno.Signal) => {
    try {
      server.kill(name);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
      // It has ended already.
    }
  };
  const lastResort = setTimeout(() => signal("SIGKILL"), STOP_MS);
  // gunicorn's quick shutdown: SIGTERM would wait a second for nothing.
  signal("SIGQUIT");
  await server.status;
  clearTimeout(lastResort);
}

function parseRecords(lines: string): Recorded[] {
  return lines.split("\n").filter((line) => line !== "").map((line) => {
    const recorded = recordedSchema.parse(JSON.parse(line));
    const everything = [
      `${recorded.method} ${recorded.target}`,
      ...recorded.headers.map(([name, value]) => `${name}: ${value}`),
      "",
      new TextDecoder().decode(recorded.body),
    ].join("\n");
    return { ...recorded, everything };
  });
}
