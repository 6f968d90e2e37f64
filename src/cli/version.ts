/** `runnel version`: one line, with what it runs on. */
import { VERSION } from "../version.ts";

export function runVersion(): number {
  console.log(
    `runnel ${VERSION} (deno ${Deno.version.deno}, v8 ${Deno.version.v8}, ${Deno.build.target})`,
  );
  return 0;
}
