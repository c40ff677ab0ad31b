/**
 * The configuration: what is in force, whether another one could be, and putting it in force.
 *
 * @module
 */
import { Hono } from "hono";
import { readLimited } from "../http/body.ts";
import { type AdminEnv, allowOnly, iso, note, refuse } from "./endpoint.ts";
import type { AdminParts } from "./ports.ts";

/** `/v1/config`, `/v1/config/check`, `/v1/config/reload` and `/v1/drain`. */
export function configurationEndpoints(parts: AdminParts): Hono<AdminEnv> {
  const { configuration } = parts;
  const app = new Hono<AdminEnv>();

  app.get("/config", (c) =>
    c.json({
      hash: configuration.hash(),
      since: iso(configuration.sinceMs()),
      config: configuration.redacted(),
    }));
  allowOnly(app, "/config", ["GET"]);

  app.post("/config/check", async (c) => {
    const bytes = await readLimited(c.req.raw);
    if (typeof bytes === "string") return refuse(c, { code: bytes });
    const problems = await configuration.check(new TextDecoder().decode(bytes));
    return c.json({ valid: problems.length === 0, problems });
  });
  allowOnly(app, "/config/check", ["POST"]);

  app.post("/config/reload", async (c) => {
    if (configuration.reload === null) {
      return refuse(c, { code: "not_implemented", detail: "This runtime can not reload." });
    }
    const outcome = await configuration.reload();
    if (outcome.kind === "refused") {
      note(c, parts.events, "reload_refused");
      return refuse(c, {
        code: "config_invalid",
        detail: "Nothing has changed; the old configuration stays in force.",
        extensions: { problems: outcome.problems },
      });
    }
    note(c, parts.events, "reloaded", { hash: outcome.hash });
    return c.json({ changed: outcome.kind === "reloaded", hash: outcome.hash });
  });
  allowOnly(app, "/config/reload", ["POST"]);

  app.post("/drain", (c) => {
    if (parts.drain === null) {
      return refuse(c, { code: "not_implemented", detail: "This runtime can not drain." });
    }
    note(c, parts.events, "drain");
    parts.drain();
    return c.json({ draining: true }, 202);
  });
  allowOnly(app, "/drain", ["POST"]);

  return app;
}
