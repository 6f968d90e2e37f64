/** `runnel topic grow`: raises the number of partitions. There is no way back, and keys go to others from then on. */
import { Admin } from "../../client/admin.ts";
import type { Run } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { connected } from "../connected.ts";
import { existingTopic } from "../existing_topic.ts";

export const growTopic: Run = (call) => {
  const [name, text] = call.words, count = Number(text);
  if (!/^\d{1,6}$/.test(text) || count < 1) {
    throw call.misused(`COUNT ${text || '""'}: needs a whole number, 1 to 999999`);
  }
  return connected(call, async ({ cluster, out }) => {
    const admin = new Admin(cluster);
    const { partitions: { length: before } } = await existingTopic(cluster, name);
    const question =
      `${name} has ${before} partitions and cannot have fewer again; with ${count} ` +
      "records of a key may go to another than before. Go on?";
    if (count > before && !confirmed(call, question)) return 1;
    await admin.createPartitions(name, count);
    out.told(`${name}: ${count} partitions, ${before} before`, {
      topic: name,
      partitions: count,
      before,
    });
    return 0;
  });
};
