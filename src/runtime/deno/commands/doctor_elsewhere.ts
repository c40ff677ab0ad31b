/**
 * What the doctor asks of others: whether providers and issuers are who the configuration says, and
 * whether their keys can be had.
 *
 * @module
 */
import type { GatewayConfig } from "../../../config/config.ts";
import { createGetJson } from "../../../outbound/get_json.ts";
import { networkReason } from "../../../outbound/network_reason.ts";
import { createLocate } from "../../../tokens/issuers/discovery.ts";
import { readKeySet } from "../../../tokens/issuers/jwk.ts";
import { KEY_FETCH_LIMITS } from "../../../tokens/issuers/options.ts";
import { fail, type Finding, ok } from "./finding.ts";
import { counted } from "./output.ts";

const ASK_MS = 5_000;

/** One line or two for each provider. */
export async function providerFindings(config: GatewayConfig): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const [name, { oidc }] of config.providers) {
    const what = `provider ${name}`;
    found.push(
      ok(what, `register ${config.origin}${config.paths.auth}/oidc/${name}/callback there`),
    );
    const url = `${oidc.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
    try {
      const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(ASK_MS) });
      const document = await response.json();
      found.push(
        document?.issuer === oidc.issuer
          ? ok(what, "its discovery document names the same issuer")
          : fail(
            what,
            `its discovery document says issuer "${document?.issuer}", and the configuration "${oidc.issuer}"; they must be the same to the letter`,
          ),
      );
    } catch (error) {
      found.push(fail(what, `${url}: ${networkReason(error)}`));
    }
  }
  return found;
}

/** One line for each issuer. */
export async function issuerFindings({ issuers }: GatewayConfig): Promise<Finding[]> {
  const getJson = createGetJson(KEY_FETCH_LIMITS, { fetch });
  const found: Finding[] = [];
  for (const issuer of issuers) {
    const what = `issuer ${issuer.name}`;
    const place = await createLocate(issuer, getJson).locate(Date.now());
    if (place.kind === "failed") {
      found.push(fail(what, place.reason));
      continue;
    }
    const answer = await getJson(place.url);
    if (answer.kind !== "json") {
      const why = answer.kind === "status" ? `answers ${answer.status}` : answer.reason;
      found.push(fail(what, `${place.url}: ${why}`));
      continue;
    }
    const keys = readKeySet(answer.document)?.length ?? 0;
    found.push(
      keys === 0
        ? fail(what, `${place.url}: there is no key in it that can be used`)
        : ok(what, `${counted(keys, "key")} at ${place.url}`),
    );
  }
  return found;
}
