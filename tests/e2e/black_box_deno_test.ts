import { denoHarness } from "../support/gateway_process.ts";
import { blackBoxSuite } from "./black_box.ts";

await blackBoxSuite(denoHarness);
