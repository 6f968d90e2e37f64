/**
 * Proves that a group of four members goes through random joins, leaves, crashes and restarts of its broker with every
 * record done once, in both protocols. RUNNEL_CHURN_CHANGES makes it longer, RUNNEL_CHURN_SEED the same again.
 */
import { assert } from "@std/assert";
import { churn } from "./group_churn.ts";
import type { ConsumerOptions } from "../../src/mod.ts";

const CHANGES = Number(Deno.env.get("RUNNEL_CHURN_CHANGES") ?? 6);
const KINDS: Readonly<Record<string, ConsumerOptions>> = {
  "classic, eager": { partitionAssignors: ["sticky"] },
  "classic, cooperative": { partitionAssignors: ["cooperative-sticky"] },
  "consumer": { groupProtocol: "consumer" },
};

for (const [kind, consumer] of Object.entries(KINDS)) {
  Deno.test(`every record is done once through ${CHANGES} changes of a group (${kind})`, async () => {
    const seed = Number(Deno.env.get("RUNNEL_CHURN_SEED") ?? Math.floor(Math.random() * 1e6));
    try {
      const result = await churn({ seed, changes: CHANGES, consumer });
      assert(result.produced > 0);
      if (CHANGES >= 50) console.log(kind, seed, JSON.stringify(result));
    } catch (error) {
      throw new Error(`RUNNEL_CHURN_SEED=${seed}`, { cause: error });
    }
  });
}
