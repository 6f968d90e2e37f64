/** claimFolder: does with the folder that bears a partition's name what was judged of it (recovery/claim.ts). */
import { type FoldersContext, moveAside } from "../directory/partition_folders.ts";
import { putPartitionMetadata } from "../directory/partition_metadata.ts";
import { type ClaimOptions, judgeClaim } from "../recovery/claim.ts";
import type { LogRef } from "./open_log.ts";

export type Claim =
  | { readonly kind: "ours"; readonly healed: string | null }
  | { readonly kind: "absent"; /** To be removed. */ readonly doomed: string | null }
  | { readonly kind: "refused"; readonly reason: string };

export function claimFolder(
  context: FoldersContext,
  { topicId, topic, partition }: LogRef,
  options: Omit<ClaimOptions, "topicId" | "wasDeleted">,
): Claim {
  const { store, wasDeleted } = context, folder = `${topic}-${partition}`;
  const judged = judgeClaim(store, folder, { ...options, topicId, wasDeleted });
  if (judged.kind === "absent") {
    return { kind: "absent", doomed: judged.isDoomed ? moveAside(context, folder) : null };
  }
  if (judged.kind === "ours" && judged.healed !== null) {
    putPartitionMetadata(store, folder, topicId);
  }
  return judged;
}
