/** `runnel topic create`: topics, all alike; each is created for itself, as brokers do. */
import { Admin } from "../../client/admin.ts";
import { KafkaError } from "../../client/errors.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { configsOf } from "./configs.ts";

export const createTopics: Run = (call) => {
  const partitions = call.whole("--partitions", { min: 1, max: 100_000 }) ?? undefined;
  const replicationFactor = call.whole("--replicas", { min: 1, max: 0x7fff }) ?? undefined;
  const configs = configsOf(call) as Record<string, string>; // nothing is unset here
  const validateOnly = call.has("--dry-run");
  return connected(call, async ({ cluster, out }) => {
    const admin = new Admin(cluster);
    for (const name of call.words) {
      try {
        await admin.createTopics([{ name, partitions, replicationFactor, configs }], {
          validateOnly,
        });
        const done = validateOnly ? "could be created" : "created";
        out.told(`${name}: ${done}`, { topic: name, result: done });
      } catch (error) {
        const isThere = error instanceof KafkaError &&
          error.code === ErrorCode.TOPIC_ALREADY_EXISTS;
        if (!isThere || !call.has("--if-absent")) throw error;
        out.told(`${name}: is there already`, { topic: name, result: "is there already" });
      }
    }
    return 0;
  });
};
