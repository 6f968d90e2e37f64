/** Config in words: what a config's number comes to, by the unit that its name ends in. */
import { bytes, duration } from "./numbers.ts";

/** Kafka's word for no bound is the largest long, and -1 where less than nothing can be meant. */
const LONGEST = 9_223_372_036_854_775_807n;
/** What is shorter is read at once. */
const MIN_MS = 1000, MIN_BYTES = 1024;

/** "7 d", "1 GiB", "no limit"; null: it says no more than the value itself. */
export function configInWords(name: string, value: string): string | null {
  if (!/^-?\d{1,19}$/.test(value)) return null;
  if (BigInt(value) >= LONGEST) return "no limit";
  const number = Number(value);
  if (number === -1 && /^retention\.(ms|bytes)$/.test(name)) return "no limit";
  if (name.endsWith(".ms") && number >= MIN_MS) return duration(number);
  if (name.endsWith(".bytes") && number >= MIN_BYTES) return bytes(number);
  return null;
}
