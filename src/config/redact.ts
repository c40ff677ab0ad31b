/**
 * The configuration as it may be shown.
 *
 * @module
 */

/** Names under which a secret could stand, were somebody to write one there. */
const SECRET = /(?:secret|password|passphrase|credentials?|private)$/i;

/**
 * A copy without what could be a secret. Secrets come from the environment or from files
 * (`{ "env": … }`, `{ "file": … }`), whose names are kept; anything else under such a name goes.
 */
export function redacted(value: unknown, name = ""): unknown {
  if (Array.isArray(value)) return value.map((each) => redacted(each, name));
  if (typeof value === "object" && value !== null) {
    const isReference = Object.keys(value).length === 1 && ("env" in value || "file" in value);
    if (isReference) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, redacted(each, key)]),
    );
  }
  return typeof value === "string" && SECRET.test(name) ? "(left out)" : value;
}
