/**
 * `status`, `upstreams`, `issuers`, `events`, `reload` and `drain`: of a gateway that runs.
 *
 * @module
 */
import type { Command } from "commander";
import type { Acting } from "./context.ts";
import { EXIT } from "./output.ts";
import { short } from "./sessions.ts";

/** Adds the commands. */
export function stateCommands(program: Command, acting: Acting): void {
  program.command("status").description(
    "version, readiness, revocation lag; exits with 1 if not ready",
  )
    .action(acting(async (context) => {
      const answer = await (await context.admin()).ask("GET", "/v1/status");
      if (answer.status !== 200) return context.failed(answer);
      const { version, runtime, startedAt, ready, revocationView, configuration } = answer.body;
      context.output.table(["WHAT", "VALUE"], [
        ["version", `${version} on ${runtime}`],
        ["ready", ready.ready ? "yes" : `no: ${ready.why}`],
        ["started", short(startedAt)],
        ["revocation lag", `${revocationView.ageSeconds?.toFixed(1) ?? "?"} s`],
        ["on the blacklist", String(revocationView.entries)],
        ["configuration", `${configuration.hash.slice(0, 16)} since ${short(configuration.since)}`],
      ], answer.body);
      return ready.ready ? EXIT.ok : EXIT.failed;
    }));

  program.command("upstreams").description(
    "targets and their health; exits with 1 if one is at rest",
  )
    .action(acting(async (context) => {
      const answer = await (await context.admin()).ask("GET", "/v1/upstreams");
      if (answer.status !== 200) return context.failed(answer);
      const rows: string[][] = [];
      let resting = 0;
      for (const { name, targets } of answer.body.upstreams) {
        for (const { origin, healthy, restsForSeconds, inFlight } of targets) {
          if (!healthy) resting += 1;
          const rest = restsForSeconds === null ? "unhealthy" : `rests ${restsForSeconds} s`;
          rows.push([name, origin, healthy ? "healthy" : rest, String(inFlight)]);
        }
      }
      context.output.table(["UPSTREAM", "TARGET", "HEALTH", "UNDER WAY"], rows, answer.body);
      return resting === 0 ? EXIT.ok : EXIT.failed;
    }));

  program.command("issuers").description("identity sources, providers and issuers")
    .action(acting(async (context) => {
      const answer = await (await context.admin()).ask("GET", "/v1/issuers");
      if (answer.status !== 200) return context.failed(answer);
      const rows = answer.body.issuers.map((
        { name, kind, url, keysAgeSeconds, problem }: Record<string, string | number | null>,
      ) => [
        name,
        kind,
        url ?? "-",
        problem ??
          (keysAgeSeconds === null && (kind === "provider" || kind === "issuer")
            ? "not asked yet"
            : "ok"),
      ]);
      context.output.table(["NAME", "KIND", "WHERE", "STATE"], rows, answer.body);
      return EXIT.ok;
    }));

  program.command("events").description("the last audit events of this instance")
    .option("--limit <n>", "how many", "50")
    .action(acting(async (context, _values, { limit }) => {
      const answer = await (await context.admin()).ask("GET", `/v1/events?limit=${limit}`);
      if (answer.status !== 200) return context.failed(answer);
      const rows = answer.body.events.map((
        { time, event, client, requestId: _, ...facts }: Record<string, string>,
      ) => [
        short(time ?? ""),
        event,
        client,
        Object.entries(facts).map(([name, value]) => `${name}=${value}`).join(" "),
      ]);
      context.output.table(["TIME", "EVENT", "CLIENT", "FACTS"], rows, answer.body);
      return EXIT.ok;
    }));

  program.command("reload").description("read the configuration again and put it in force")
    .action(acting(async (context) => {
      const answer = await (await context.admin()).ask("POST", "/v1/config/reload");
      if (answer.status !== 200) return context.failed(answer);
      const { changed, hash } = answer.body;
      context.output.line(changed ? `in force: ${hash}` : `unchanged: ${hash}`);
      context.output.value(answer.body);
      return EXIT.ok;
    }));

  program.command("drain").description("stop being ready, let go of WebSockets and event streams")
    .action(acting(async (context) => {
      const answer = await (await context.admin()).ask("POST", "/v1/drain");
      if (answer.status !== 202) return context.failed(answer);
      context.output.line("draining");
      context.output.value(answer.body);
      return EXIT.ok;
    }));
}
