/**
 * What the doctor says.
 *
 * @module
 */

/** How a check ended: `warn` works, but should be looked at. */
export interface Finding {
  readonly level: "ok" | "warn" | "fail";
  readonly what: string;
  readonly says: string;
}

export const ok = (what: string, says: string): Finding => ({ level: "ok", what, says });
export const warn = (what: string, says: string): Finding => ({ level: "warn", what, says });
export const fail = (what: string, says: string): Finding => ({ level: "fail", what, says });
