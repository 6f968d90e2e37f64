/** `runnel config`: every option of the broker with its value and where it came from. */
import { describeConfig } from "../../config/describe.ts";
import { denoSurroundings, loadConfig } from "../../config/load.ts";
import type { Run } from "../command.ts";

export const printOptions: Run = async (call) => {
  const loaded = await loadConfig(denoSurroundings(call.options));
  console.log(describeConfig(loaded).join("\n"));
  return 0;
};
