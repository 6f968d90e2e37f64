/**
 * What a coordinator of groups finds in a partition's log, for tests that have no coordinator.
 */
import type { CoordinatorLog } from "../coordination/coordinator_log.ts";
import { LedPartition } from "../coordination/led_partition.ts";
import { type GroupKinds, type GroupPartition, GroupShard } from "../groups/group_shard.ts";

/** The partition, active, with the groups that the log has. Nothing can be decided in it. */
export async function loadGroups(log: CoordinatorLog): Promise<GroupPartition> {
  const shard = new GroupShard({
    index: 0,
    places: { isMoving: () => false, isMisplaced: () => false },
    contextOf: ({ id }) => {
      throw new Error(`There is nothing to decide ${id} by`);
    },
    onDecided: () => {},
  });
  const partition = new LedPartition<GroupKinds, GroupShard>({ index: 0, leaderEpoch: 0, shard });
  await partition.load(log, () => {});
  return partition;
}
