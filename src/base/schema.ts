/**
 * Shapes of data from outside: zod in its small form, where a schema has no methods that nobody
 * calls (they were a twentieth of the Worker and half of its start), with zod's English words.
 *
 * @module
 */
import { config } from "zod/mini";
import { en } from "zod/locales";

config(en());

export * from "zod/mini";
