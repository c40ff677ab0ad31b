/**
 * An Express application as people write them: `method-override` in front, and
 * routes that tell what they did and for whom.
 *
 * @module
 */
import express from "express";
import methodOverride from "method-override";

/** A running application. */
export interface ExpressApp {
  readonly url: string;
  /** What its routes did, such as `"DELETE /items/5 as u-1"`. */
  readonly done: string[];
  stop(): Promise<void>;
}

/** Starts it. `method-override` listens to the three headers that its documentation names. */
export async function startExpressApp(): Promise<ExpressApp> {
  const done: string[] = [];
  const app = express();
  for (const name of ["X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override"]) {
    app.use(methodOverride(name));
  }
  app.use(methodOverride("_method"));
  // deno-lint-ignore no-explicit-any
  app.use((request: any, response: any) => {
    const line = `${request.method} ${request.url} as ${request.get("x-auth-subject") ?? "-"}`;
    done.push(line);
    response.send(line);
  });
  // deno-lint-ignore no-explicit-any
  const server: any = app.listen(0, "127.0.0.1");
  await new Promise<void>((resolve) => server.once("listening", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    done,
    stop() {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
