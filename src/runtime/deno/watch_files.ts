/**
 * Notices that a file has changed. The folders are watched, not the files: editors put a new file
 * in the place of the old one, and Kubernetes swaps a link beside it (`..data`). Under it is a net:
 * now and then it is looked what stands at each path. Links on the way may lead elsewhere by then,
 * folders be made anew, and some file systems tell of nothing.
 *
 * @module
 */
import { basename, dirname, resolve } from "node:path";

/** Watches files. */
export interface FileWatch {
  /** From now on these, and no others. */
  set(paths: Iterable<string>): void;
  close(): void;
}

/** Changes come in showers: a write, a rename, a link. */
const QUIET_MS = 150;

/** How often it is looked what stands at each path. */
const LOOK_EVERY_MS = 2_000;

/** Calls `changed` a moment after the last change of a watched file. */
export function watchFiles(
  changed: () => void,
  { lookEveryMs = LOOK_EVERY_MS } = {},
): FileWatch {
  /** What stood at each path when it was last looked; `null`: not looked yet. */
  let stood = new Map<string, string | null>();
  let names: ReadonlyMap<string, ReadonlySet<string>> = new Map();
  let watcher: Deno.FsWatcher | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function tell(): void {
    clearTimeout(timer);
    timer = setTimeout(changed, QUIET_MS);
  }

  async function look(): Promise<void> {
    const watched = stood;
    for (const [path, before] of watched) {
      const now = await signatureOf(path);
      if (watched !== stood) return;
      watched.set(path, now);
      if (before !== null && before !== now) tell();
    }
  }

  const looking = setInterval(() => void look(), lookEveryMs);

  async function follow(current: Deno.FsWatcher): Promise<void> {
    for await (const { paths, kind } of current) {
      if (kind === "access" || !paths.some(isWatched)) continue;
      tell();
    }
  }

  function isWatched(path: string): boolean {
    const known = names.get(dirname(path));
    return known !== undefined && (known.has(basename(path)) || basename(path) === "..data");
  }

  return {
    set(paths) {
      const next = new Map<string, Set<string>>();
      const before = stood;
      stood = new Map();
      for (const path of paths) {
        const whole = resolve(path);
        stood.set(whole, before.get(whole) ?? null);
        const folder = dirname(whole);
        next.set(folder, (next.get(folder) ?? new Set()).add(basename(whole)));
      }
      const isSame = next.size === names.size && [...next.keys()].every((each) => names.has(each));
      names = next;
      void look();
      if (isSame) return;
      watcher?.close();
      const folders = [...next.keys()].filter(isFolder);
      watcher = folders.length === 0 ? null : Deno.watchFs(folders, { recursive: false });
      // A watcher that breaks must not take the gateway along; SIGHUP still works.
      if (watcher !== null) follow(watcher).catch(() => {});
    },
    close() {
      clearTimeout(timer);
      clearInterval(looking);
      stood = new Map();
      watcher?.close();
      watcher = null;
    },
  };
}

/** Changes with whatever stands there, at the end of all links. */
async function signatureOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtime } = await Deno.stat(path);
    return `${dev} ${ino} ${size} ${mtime?.getTime() ?? 0}`;
  } catch {
    return "nothing";
  }
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
