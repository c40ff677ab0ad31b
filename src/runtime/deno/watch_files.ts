/**
 * Notices that a file has changed. The folders are watched, not the files: editors put a new file
 * in the place of the old one, and Kubernetes swaps a link beside it (`..data`).
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

/** Calls `changed` a moment after the last change of a watched file. */
export function watchFiles(changed: () => void): FileWatch {
  let names: ReadonlyMap<string, ReadonlySet<string>> = new Map();
  let watcher: Deno.FsWatcher | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function follow(current: Deno.FsWatcher): Promise<void> {
    for await (const { paths, kind } of current) {
      if (kind === "access" || !paths.some(isWatched)) continue;
      clearTimeout(timer);
      timer = setTimeout(changed, QUIET_MS);
    }
  }

  function isWatched(path: string): boolean {
    const known = names.get(dirname(path));
    return known !== undefined && (known.has(basename(path)) || basename(path) === "..data");
  }

  return {
    set(paths) {
      const next = new Map<string, Set<string>>();
      for (const path of paths) {
        const whole = resolve(path);
        const folder = dirname(whole);
        next.set(folder, (next.get(folder) ?? new Set()).add(basename(whole)));
      }
      const isSame = next.size === names.size && [...next.keys()].every((each) => names.has(each));
      names = next;
      if (isSame) return;
      watcher?.close();
      const folders = [...next.keys()].filter(isFolder);
      watcher = folders.length === 0 ? null : Deno.watchFs(folders, { recursive: false });
      // A watcher that breaks must not take the gateway along; SIGHUP still works.
      if (watcher !== null) follow(watcher).catch(() => {});
    },
    close() {
      clearTimeout(timer);
      watcher?.close();
      watcher = null;
    },
  };
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
