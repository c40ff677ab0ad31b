/** Below the ports that Linux gives to outgoing connections (32768 and up). */
const LOWEST = 10_000;
const HIGHEST = 32_767;

/** One empty file for each port handed out; test files run as threads of one process. */
const TAKEN = `${Deno.env.get("TMPDIR") ?? "/tmp"}/postern-ports-${Deno.pid}`;

/**
 * A TCP port that nobody listens on at the moment, and that no other test of this
 * run is given. Drawn at random, not asked of the system: that one hands the same
 * port out again as soon as it is closed, to a test beside this one or to any
 * outgoing connection.
 */
export function freePort(): number {
  Deno.mkdirSync(TAKEN, { recursive: true });
  while (true) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    try {
      Deno.openSync(`${TAKEN}/${port}`, { write: true, createNew: true }).close();
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      const taken = error instanceof Deno.errors.AlreadyExists ||
        error instanceof Deno.errors.AddrInUse;
      if (!taken) throw error;
    }
  }
}
