/**
 * What a command works with.
 *
 * @module
 */
import type { Mode } from "../../../base/environment.ts";
import { type AdminClient, type Answer, connectAdmin } from "./client.ts";
import { createOutput, EXIT, type Output } from "./output.ts";

/** The context of one command line. */
export interface Context {
  readonly output: Output;
  readonly mode: Mode;
  /** Where the gateway was said to be. */
  readonly adminAddress: string | undefined;
  /** The gateway; where it is down and `mayBeDirect`, its store. */
  admin(options?: { readonly mayBeDirect?: boolean }): Promise<AdminClient>;
  /** Says what went wrong; the exit code. */
  failed(answer: Answer): number;
  close(): Promise<void>;
}

/** Reads the options that every command has. */
export function createContext(options: Readonly<Record<string, unknown>>): Context {
  const output = createOutput(options["json"] === true);
  const mode: Mode = options["dev"] === true ? "dev" : "production";
  const address = options["admin"];
  const adminAddress = typeof address === "string" ? address : undefined;
  let client: AdminClient | null = null;

  return {
    output,
    mode,
    adminAddress,
    async admin({ mayBeDirect = false } = {}) {
      return client ??= await connectAdmin({
        mode,
        mayBeDirect,
        ...(adminAddress === undefined ? {} : { admin: adminAddress }),
      }, output);
    },
    failed({ status, body }) {
      const { code, title, detail, problems } = typeof body === "object" && body !== null
        ? body
        : { code: status, title: "it answered", detail: undefined, problems: undefined };
      output.value(body);
      output.remark(`${code}: ${detail ?? title}`);
      for (const problem of problems ?? []) output.remark(`  ${problem}`);
      return EXIT.failed;
    },
    async close() {
      await client?.close();
      client = null;
    },
  };
}

/** Makes an action of commander's out of one of ours. */
export type Acting = (
  act: (
    context: Context,
    values: readonly (string | null)[],
    options: Readonly<Record<string, unknown>>,
  ) => Promise<number>,
) => (...given: unknown[]) => Promise<void>;
