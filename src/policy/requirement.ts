/**
 * What a route requires of a token's claims.
 *
 * @module
 */
import type { JsonValue } from "../base/json.ts";

/** `require` of a route. */
export interface Requirement {
  /** All of these scope tokens. */
  readonly scope?: readonly string[];
  /** Each claim must equal the value, or one of the values. */
  readonly claims?: Readonly<Record<string, JsonValue>>;
}

/** Whether a token's claims satisfy a requirement. */
export type RequirementCheck = (claims: Readonly<Record<string, JsonValue>>) => boolean;

/** Prepares the check. */
export function compileRequirement(requirement: Requirement): RequirementCheck {
  const scopes = requirement.scope ?? [];
  const claims = Object.entries(requirement.claims ?? {}).map(([name, wanted]) => ({
    name,
    wanted: Array.isArray(wanted) ? wanted : [wanted],
  }));
  return function satisfied(held) {
    if (scopes.length > 0) {
      const granted = scopeTokens(own(held, "scope"));
      if (!scopes.every((scope) => granted.has(scope))) return false;
    }
    return claims.every(({ name, wanted }) => {
      const value = own(held, name);
      return Array.isArray(value)
        ? value.some((item) => wanted.includes(item))
        : wanted.includes(value);
    });
  };
}

/** Space-separated (RFC 8693 §4.2), or a list. */
function scopeTokens(scope: JsonValue | undefined): ReadonlySet<JsonValue> {
  if (typeof scope === "string") return new Set(scope.split(" "));
  return new Set(Array.isArray(scope) ? scope : []);
}

function own(claims: Readonly<Record<string, JsonValue>>, name: string): JsonValue | undefined {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}
