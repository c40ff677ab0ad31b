import { workerdHarness } from "../support/workerd.ts";
import { blackBoxSuite } from "./black_box.ts";

await blackBoxSuite(workerdHarness);
