/** Partitions as the commands of groups are told of them: "orders", "orders:0,4-7". */
import type { Call } from "../call.ts";

/** A topic with some of its partitions; null: all. */
export interface ChosenTopic {
  readonly topic: string;
  readonly partitions: ReadonlySet<number> | null;
}

/** Of --topic, each topic once. Throws ConfigError. */
export function chosenTopics(call: Call): ChosenTopic[] {
  const chosen = new Map<string, Set<number> | null>();
  for (const text of call.texts("--topic")) {
    const [, topic, list] = /^([^:]+)(?::(\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*))?$/.exec(text) ?? [];
    if (topic === undefined) {
      throw call.misused(`--topic ${text || '""'}: needs TOPIC, or TOPIC:0,4-7`);
    }
    const known = chosen.get(topic);
    if (list === undefined || known === null) chosen.set(topic, null);
    else chosen.set(topic, new Set([...known ?? [], ...numbersOf(list, call)]));
  }
  return [...chosen].map(([topic, partitions]) => ({ topic, partitions }));
}

function numbersOf(list: string, call: Call): number[] {
  return list.split(",").flatMap((part) => {
    const [first, last = first] = part.split("-").map(Number);
    if (first > last || last >= MAX_PARTITIONS) {
      throw call.misused(`--topic: ${part} is no run of partitions below ${MAX_PARTITIONS}`);
    }
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}

const MAX_PARTITIONS = 1_000_000;
