/** Proves which texts of a config count as the same value, as a broker shows them in a form of its own. */
import { assertEquals } from "@std/assert";
import { sameValue } from "./same_value.ts";

Deno.test("numbers, booleans and lists are compared as such, everything else as it is", () => {
  const same: [string, string][] = [
    ["1", "1.0"],
    ["0.50", "0.5"],
    ["1e3", "1000"],
    ["007", "7"],
    ["TRUE", "true"],
    [" a ", "a"],
    ["compact, delete", "compact,delete"],
    ["9223372036854775807", "9223372036854775807"],
  ];
  const different: [string, string][] = [
    ["1", "2"],
    ["9223372036854775807", "9223372036854775806"],
    ["true", "false"],
    ["zstd", "ZSTD"],
    ["", "0"],
    ["a,b", "b,a"],
    ["a,b", "a"],
    ["1", ""],
  ];
  for (const [a, b] of same) assertEquals([sameValue(a, b), sameValue(b, a)], [true, true], a);
  for (const [a, b] of different) {
    assertEquals([sameValue(a, b), sameValue(b, a)], [false, false], a);
  }
});
