/**
 * A TCP connection that can be cut, and led elsewhere.
 *
 * @module
 */

/** The running proxy. */
export interface TcpProxy {
  readonly port: number;
  /** Where new connections go from now on; those that are open are cut. */
  retarget(port: number): void;
  /** Cuts every open connection. */
  cut(): void;
  stop(): Promise<void>;
}

/** Starts it on a free port of 127.0.0.1. */
export function startTcpProxy(targetPort: number): TcpProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.TcpConn>();
  let target = targetPort;

  function close(conn: Deno.TcpConn): void {
    if (!open.delete(conn)) return;
    try {
      conn.close();
    } catch {
      // The other side was faster.
    }
  }

  async function serve(client: Deno.TcpConn): Promise<void> {
    open.add(client);
    const upstream = await Deno.connect({ hostname: "127.0.0.1", port: target }).catch(() => null);
    if (upstream === null) return close(client);
    open.add(upstream);
    await Promise.allSettled([
      client.readable.pipeTo(upstream.writable),
      upstream.readable.pipeTo(client.writable),
    ]);
    close(client);
    close(upstream);
  }

  const accepting = (async () => {
    for await (const client of listener) void serve(client);
  })();
  const proxy: TcpProxy = {
    port: listener.addr.port,
    retarget(port) {
      target = port;
      proxy.cut();
    },
    cut() {
      for (const conn of [...open]) close(conn);
    },
    async stop() {
      listener.close();
      proxy.cut();
      await accepting;
    },
  };
  return proxy;
}
