/**
 * A program under load: started, asked for its CPU time and memory, ended.
 *
 * @module
 */

/** A running program. */
export interface Running {
  readonly name: string;
  readonly url: string;
  /** CPU seconds of the process and its children so far. */
  cpuSeconds(): number;
  /** Peak resident memory of the process, in MiB. */
  peakMiB(): number;
  /** Resident memory of the process now, in MiB. */
  residentMiB(): number;
  stop(): Promise<void>;
}

/** Starts a program and waits until `url` answers. `pids` tells which processes count as it. */
export async function start(options: {
  readonly name: string;
  readonly url: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}): Promise<Running> {
  const { name, url, command, args, env = {}, cwd } = options;
  const errors = await Deno.makeTempFile({ prefix: `postern-bench-${name.replace(/\W+/g, "-")}-` });
  const child = new Deno.Command("sh", {
    args: ["-c", `exec "$0" "$@" >"$BENCH_LOG" 2>&1`, command, ...args],
    env: { ...env, BENCH_LOG: errors },
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let ended = false;
  void child.status.then(() => ended = true);
  const deadline = Date.now() + 30_000;
  while (true) {
    try {
      await (await fetch(url, { redirect: "manual" })).body?.cancel();
      break;
    } catch {
      if (ended || Date.now() > deadline) {
        const said = await Deno.readTextFile(errors);
        throw new Error(`${name} did not start: ${said.slice(-400)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return {
    name,
    url,
    cpuSeconds: () => family(child.pid).reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
    peakMiB: () => memoryMiB(child.pid, "VmHWM"),
    residentMiB: () => memoryMiB(child.pid, "VmRSS"),
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await child.status;
      clearTimeout(timer);
      await Deno.remove(errors);
    },
  };
}

function family(pid: number): number[] {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
    const children = text.split(" ").filter((part) => part !== "").map(Number);
    return [pid, ...children.flatMap(family)];
  } catch {
    return [];
  }
}

function cpuSecondsOf(pid: number): number {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    // utime and stime, in ticks of a hundredth of a second.
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

/** Of the largest process of the family. */
function memoryMiB(root: number, field: "VmHWM" | "VmRSS"): number {
  const pattern = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m");
  return Math.max(
    ...family(root).map((pid) => {
      try {
        const text = Deno.readTextFileSync(`/proc/${pid}/status`);
        return Number(pattern.exec(text)?.[1] ?? 0) / 1024;
      } catch {
        return 0;
      }
    }),
  );
}
