/** `runnel topic describe`: partitions with leader, replicas, offsets and bytes, and configs that somebody has set. */
import { Admin } from "../../client/admin.ts";
import { logDirs } from "../../client/log_dirs.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { existingTopic } from "../existing_topic.ts";

export const describeTopics: Run = (call) =>
  connected(call, async ({ cluster, out }) => {
    const admin = new Admin(cluster), sizes = await logDirs(cluster);
    for (const [at, name] of call.words.entries()) {
      const topic = await existingTopic(cluster, name);
      const offsets = (when: "earliest" | "latest") =>
        admin.listOffsets(
          topic.partitions.map(({ index }) => ({ topic: name, partition: index, at: when })),
        );
      const [starts, ends] = await Promise.all([offsets("earliest"), offsets("latest")]);
      const configs = (await admin.describeConfigs({ type: "topic", name }))
        .filter(({ isDefault }) => !isDefault);
      const rows = topic.partitions.map(({ index, leaderId, replicas, isr }, row) => {
        const bytes = sizes.find(({ topic, partition, nodeId }) =>
          topic === name && partition === index && nodeId === leaderId
        )?.bytes ?? null;
        return [
          index,
          leaderId < 0 ? null : leaderId,
          replicas.join(","),
          isr.join(","),
          starts[row].offset,
          ends[row].offset,
          bytes,
        ];
      });
      if (out.isJson) {
        out.json({
          name,
          id: topic.id,
          isInternal: topic.isInternal,
          configs: Object.fromEntries(configs.map(({ name, value }) => [name, value])),
          partitions: rows.map(([partition, leader, , , start, end, bytes], row) => {
            const { replicas, isr } = topic.partitions[row];
            return { partition, leader, replicas, isr, start, end, bytes };
          }),
        });
        continue;
      }
      if (at > 0) out.line();
      out.line(`Topic ${name}, ${topic.id}`);
      for (const { name, value } of configs) out.line(`  ${name} = ${value ?? "(hidden)"}`);
      out.table(["partition", "leader", "replicas", "isr", "start", "end", "bytes"], rows);
    }
    return 0;
  });
