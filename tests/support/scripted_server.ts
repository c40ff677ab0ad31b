/**
 * A server that says byte for byte what it is told to, and remembers byte for
 * byte what it was asked.
 *
 * @module
 */

/** One connection, as a script sees it. */
export interface ScriptedConnection {
  /** 1 for the first connection. */
  readonly number: number;
  /** Reads until `mark` has come, and hands back everything up to and with it. */
  readUntil(mark: string): Promise<string>;
  /** Reads some more bytes; `null` at the end. */
  read(): Promise<string | null>;
  write(text: string | Uint8Array): Promise<void>;
  close(): void;
}

/** A running server. */
export interface ScriptedServer {
  readonly port: number;
  readonly url: string;
  /** Heads of requests, in the order in which they came. */
  readonly heads: string[];
  connections(): number;
  stop(): Promise<void>;
}

const latin1 = (bytes: Uint8Array) =>
  Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
const toBytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** Starts it. `script` is run for each connection; what it throws ends the connection. */
export function startScripted(
  script: (connection: ScriptedConnection) => Promise<void>,
  listener: Deno.Listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }),
): ScriptedServer {
  const heads: string[] = [];
  const open = new Set<Deno.Conn>();
  let count = 0;
  const running: Promise<void>[] = [];

  async function serve(connection: Deno.Conn, number: number): Promise<void> {
    let rest = "";
    const buffer = new Uint8Array(64 * 1024);
    const more = async () => {
      const bytes = await connection.read(buffer);
      return bytes === null ? null : latin1(buffer.subarray(0, bytes));
    };
    const close = () => {
      if (open.delete(connection)) connection.close();
    };
    try {
      await script({
        number,
        async readUntil(mark) {
          while (!rest.includes(mark)) {
            const text = await more();
            if (text === null) throw new Error("the connection has ended");
            rest += text;
          }
          const end = rest.indexOf(mark) + mark.length;
          const taken = rest.slice(0, end);
          rest = rest.slice(end);
          if (mark === "\r\n\r\n" && /^[A-Z-]+ .* HTTP\/1\.1\r\n/.test(taken)) heads.push(taken);
          return taken;
        },
        async read() {
          if (rest === "") return await more();
          const taken = rest;
          rest = "";
          return taken;
        },
        async write(text) {
          let bytes = typeof text === "string" ? toBytes(text) : text;
          while (bytes.length > 0) bytes = bytes.subarray(await connection.write(bytes));
        },
        close,
      });
    } catch {
      // The other side has gone.
    } finally {
      close();
    }
  }

  const accepting = (async () => {
    for await (const connection of listener) {
      open.add(connection);
      running.push(serve(connection, ++count));
    }
  })();
  const address = listener.addr;
  const port = "port" in address ? address.port : 0;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    heads,
    connections: () => count,
    async stop() {
      listener.close();
      for (const connection of open) connection.close();
      open.clear();
      await accepting;
      await Promise.all(running);
    },
  };
}
