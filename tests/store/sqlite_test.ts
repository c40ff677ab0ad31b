import { describeStore } from "./contract.ts";
import { checkModel } from "./model.ts";
import { createSqliteHarness } from "./sqlite_harness.ts";

describeStore("sqlite store", createSqliteHarness);

Deno.test("sqlite store: random histories go as the model of a session says", async () => {
  await checkModel(createSqliteHarness, 40);
});
