/**
 * The way to a stronger, or a newer, sign-in.
 *
 * @module
 */
import type { AuthenticationRule } from "../policy/authentication.ts";

/** Where a browser goes for it; `null`: there is no provider that knows this person. */
export type StepUp = (
  subject: string,
  rule: AuthenticationRule,
  returnTo: string,
) => string | null;

/**
 * Prepares {@link StepUp}. A subject says which provider it came from where there is
 * more than one source (`provider|sub`); with a single provider it is that one.
 */
export function createStepUp(
  { prefix, providers, onlySource }: {
    /** Of Postern's own paths. */
    readonly prefix: string;
    readonly providers: readonly string[];
    /** Whether everybody comes from the one provider. */
    readonly onlySource: boolean;
  },
): StepUp {
  return function stepUp(subject, { acrValues, maxAgeSeconds }, returnTo) {
    const provider = onlySource
      ? providers[0]
      : providers.find((name) => subject.startsWith(`${name}|`));
    if (provider === undefined) return null;
    const query = new URLSearchParams({ return_to: returnTo });
    if (acrValues.length > 0) query.set("acr_values", acrValues.join(" "));
    if (maxAgeSeconds !== null) query.set("max_age", String(maxAgeSeconds));
    return `${prefix}/oidc/${provider}/start?${query}`;
  };
}
