/** What `storage verify` and `storage repair` make of a damaged directory. */
import type { Checked } from "./check.ts";
import { compare, type Files, read, remove, write } from "./files.ts";

export interface RepairedOptions {
  /** Where it may be. */
  readonly folder: string;
  readonly files: Files;
  /** What a start said to be offline. */
  readonly offline: readonly string[];
  readonly count: (what: string) => void;
  /** Starts a broker on it, and checks what that serves. */
  readonly work: (folder: string) => Promise<Checked>;
}

/** Verify is to say what the start did, and one repair of each partition is to mend it. What is wrong, in words. */
export async function repaired(
  { folder, files, offline, count, work }: RepairedOptions,
): Promise<string[]> {
  const problems: string[] = [];
  remove(folder);
  write(folder, files);
  const before = await runnel(["storage", "verify", "--storage-path", folder]);
  const partitions = offline.filter((name) => !name.startsWith("group "));
  for (const name of partitions) {
    if (!isDamaged(before.text, name)) {
      problems.push(`verify does not name ${name}: ${before.text.slice(0, 300)}`);
    }
  }
  if (partitions.length > 0 && before.code === 0) problems.push("verify finds nothing");
  if (partitions.length === 0 && before.code !== 0) count("verify tells more than a start");
  if (compare(files, read(folder)).length > 0) problems.push("verify has changed something");
  for (const name of partitions) {
    const cuts: string[] = [];
    for (let isMended = false; !isMended;) {
      const args = ["storage", "repair", "--storage-path", folder, "--partition", name, "--cut"];
      cuts.push((await runnel(args)).text);
      count("repairs");
      const { text } = await runnel(["storage", "verify", "--storage-path", folder]);
      isMended = !isDamaged(text, name);
      if (isMended && cuts.length > 1) {
        problems.push(`${cuts.length} repairs of ${name}: ${cuts.join(" / ")}`);
      }
      if (isMended || cuts.length < 6) continue;
      problems.push(`${name} is not mended: ${cuts.join(" / ")}; ${text.slice(0, 300)}`);
      break;
    }
  }
  const checked = await work(folder);
  const isLoss =
    / is lost, | ends at |acknowledged was |not there|are there|begins at |is there, and |its last transaction/;
  for (const line of checked.problems) {
    if (partitions.length === 0 || !isLoss.test(line)) problems.push(`after repair: ${line}`);
  }
  const still = checked.offline.filter((name) => partitions.includes(name));
  if (still.length > 0 && problems.length === 0) problems.push(`after repair ${still} is offline`);
  remove(folder);
  return problems;
}

const isDamaged = (text: string, partition: string): boolean =>
  text.split("\n").some((line) => line.startsWith("damaged") && line.includes(partition));

async function runnel(args: string[]): Promise<{ code: number; text: string }> {
  const given = [
    "run",
    "--no-check",
    "-A",
    new URL("../../main.ts", import.meta.url).pathname,
    ...args,
  ];
  const { code, stdout, stderr } = await new Deno.Command("deno", { args: given }).output();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

const decoder = new TextDecoder();
