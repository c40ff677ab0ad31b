/**
 * HTTP/1.1 on a bare socket: requests that no client library would send.
 *
 * @module
 */

/** An answer, taken apart only as far as needed. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
  /** Status line and headers, as they came. */
  readonly head: string;
}

/** Sends bytes to a server of this machine and reads until it hangs up, or only the head. */
export async function rawExchange(
  port: number,
  text: string,
  headOnly = false,
): Promise<RawAnswer> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
  try {
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await connection.write(rest));
  } catch {
    // It has hung up already; what it said is still to be read.
  }
  const answer = headOnly
    ? await readHead(connection)
    : await new Response(connection.readable).text().catch(() => "");
  const [head = "", ...body] = answer.split("\r\n\r\n");
  const [line = "", ...fields] = head.split("\r\n");
  return {
    status: Number(line.split(" ")[1] ?? 0),
    headers: new Map(fields.map((field) => {
      const colon = field.indexOf(":");
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
    })),
    text: body.join("\r\n\r\n"),
    head,
  };
}

async function readHead(connection: Deno.TcpConn): Promise<string> {
  let text = "";
  for await (const chunk of connection.readable.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes("\r\n\r\n")) break;
  }
  return text;
}

/** A GET whose target and headers go out as they are written here. */
export function rawGet(
  port: number,
  target: string,
  headers: readonly string[] = [],
): Promise<RawAnswer> {
  return rawExchange(
    port,
    [`GET ${target} HTTP/1.1`, "Host: localhost", ...headers, "Connection: close", "", ""]
      .join("\r\n"),
  );
}
