/** `runnel config`: every option with its value and where it came from. */
import { describeConfig } from "../config/describe.ts";
import { denoSurroundings, loadConfig } from "../config/load.ts";

export async function runConfig(args: readonly string[]): Promise<number> {
  const loaded = await loadConfig(denoSurroundings(args));
  console.log(describeConfig(loaded).join("\n"));
  return 0;
}
