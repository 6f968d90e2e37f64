/**
 * Usage: what a process has used so far, on Linux. A process of another id is asked through `cat`, because Deno gives
 * /proc to nobody with less than all rights.
 */
import { cpuUsage } from "node:process";

export interface Usage {
  /** User and system time, all threads; steps of 10 ms when it is another process's. */
  readonly cpuMs: number;
  /** Resident memory. */
  readonly rssBytes: number;
}

/** Of another process. Needs the right to run cat. */
export async function usageOf(pid: number): Promise<Usage> {
  const { success, stdout } = await new Deno.Command("cat", {
    args: [`/proc/${pid}/stat`],
    stderr: "null",
  }).output();
  if (!success) throw new Error(`Process ${pid}: there is no /proc/${pid}/stat, needed is Linux`);
  return parseStat(new TextDecoder().decode(stdout));
}

/** Of this one. */
export function ownUsage(): Usage {
  const { user, system } = cpuUsage();
  return { cpuMs: (user + system) / 1000, rssBytes: Deno.memoryUsage().rss };
}

/** proc(5): the name in brackets may hold anything, so the fields are counted from behind its last bracket. */
export function parseStat(stat: string): Usage {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).trim().split(/\s+/);
  const [userTicks, systemTicks, pages] = [fields[11], fields[12], fields[21]].map(Number);
  return { cpuMs: (userTicks + systemTicks) * MS_PER_TICK, rssBytes: pages * PAGE_BYTES };
}

/** USER_HZ and the page size of every Linux that Deno is built for but arm64 with large pages. */
const MS_PER_TICK = 10;
const PAGE_BYTES = 4096;
