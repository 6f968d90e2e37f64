/**
 * Offsets file: offsets as CSV, a partition a line: topic,partition,offset, as Kafka's consumer groups tool exports and
 * reads them. A line may begin with a group; then those of other groups are passed over.
 */
import type { Committed } from "../../client/groups.ts";
import { ConfigError } from "../../config/load.ts";

/** Throws ConfigError with the line that is wrong. */
export function readOffsetsFile(path: string, groupId: string): Committed[] {
  let text: string;
  try {
    const { size } = Deno.statSync(path);
    if (size > MAX_BYTES) throw new Error(`it has ${size} bytes, more than ${MAX_BYTES}`);
    text = Deno.readTextFileSync(path);
  } catch (error) {
    throw new ConfigError(`Cannot read --file ${path}: ${(error as Error).message}`);
  }
  return offsetsOf(text, groupId, path);
}

const MAX_BYTES = 16 << 20;

export function offsetsOf(text: string, groupId: string, path: string): Committed[] {
  const found = new Map<string, Committed>();
  for (const [at, line] of text.replace(/^\ufeff/, "").split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const where = `${path}, line ${at + 1}`;
    const cells = line.split(",").map(bare);
    if (cells.length === 4 && cells.shift() !== groupId) continue;
    const [topic, partition, offset] = cells;
    if (
      cells.length !== 3 || topic === "" || !/^\d{1,9}$/.test(partition) ||
      !/^\d{1,18}$/.test(offset)
    ) {
      throw new ConfigError(`${where}: needs topic,partition,offset, and is ${line.slice(0, 200)}`);
    }
    const name = `${topic}-${Number(partition)}`;
    if (found.has(name)) throw new ConfigError(`${where}: names ${name} a second time`);
    found.set(name, { topic, partition: Number(partition), offset: BigInt(offset) });
  }
  if (found.size === 0) throw new ConfigError(`${path} has no offsets of group ${groupId}`);
  return [...found.values()];
}

/** A line of it. A name that a spreadsheet would take for a formula stands behind an apostrophe. */
export function offsetsLine({ topic, partition, offset }: Committed): string {
  return `${topic.startsWith("-") ? `'${topic}` : topic},${partition},${offset}`;
}

function bare(cell: string): string {
  return cell.trim().replace(/^"(.*)"$/, "$1").replace(/^'/, "");
}
