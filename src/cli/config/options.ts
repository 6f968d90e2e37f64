/** `runnel config`: every option of the broker with its value and where it came from. */
import { describeConfig, describedOptions } from "../../config/describe.ts";
import { denoSurroundings, loadConfig } from "../../config/load.ts";
import type { Run } from "../command.ts";
import { Output } from "../output.ts";

export const printOptions: Run = async (call) => {
  const loaded = await loadConfig(denoSurroundings(call.options));
  const out = new Output({ isJson: call.has("--json") });
  if (out.isJson) { for (const one of describedOptions(loaded)) out.json(one); }
  else for (const line of describeConfig(loaded)) out.line(line);
  return 0;
};
