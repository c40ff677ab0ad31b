import { describeStore } from "./contract.ts";
import { createSqliteHarness } from "./sqlite_harness.ts";

describeStore("sqlite store", createSqliteHarness);
