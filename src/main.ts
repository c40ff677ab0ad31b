/**
 * The door on Deno.
 *
 * @module
 */
import { run } from "./runtime/deno/commands/run.ts";

if (import.meta.main) await run();
