/**
 * The door on Deno.
 *
 * @module
 */
import { run } from "./runtime/deno/commands.ts";

if (import.meta.main) await run();
