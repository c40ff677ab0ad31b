/**
 * What the process is told by signals.
 *
 * @module
 */

/** How long a second signal is taken for an echo of the first (a terminal sends to the group). */
const ECHO_MS = 500;

/** Exit code of a process that was ended by SIGINT. */
const INTERRUPTED = 130;

/**
 * SIGTERM and SIGINT stop; again, and the process ends at once. SIGHUP reloads and never kills: a
 * terminal that is closed sends it, and so does `systemctl reload`.
 */
export function listenForSignals(
  on: { reload(): void; stop(): void },
): { close(): void } {
  let stoppedAtMs: number | null = null;
  const stop = () => {
    if (stoppedAtMs === null) {
      stoppedAtMs = performance.now();
      on.stop();
    } else if (performance.now() - stoppedAtMs > ECHO_MS) {
      Deno.exit(INTERRUPTED);
    }
  };
  Deno.addSignalListener("SIGTERM", stop);
  Deno.addSignalListener("SIGINT", stop);
  Deno.addSignalListener("SIGHUP", on.reload);
  return {
    close() {
      Deno.removeSignalListener("SIGTERM", stop);
      Deno.removeSignalListener("SIGINT", stop);
      Deno.removeSignalListener("SIGHUP", on.reload);
    },
  };
}
