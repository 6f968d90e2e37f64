/** Changes of the cluster as a whole, and what is taken out of it. */
import { ErrorCode } from "../../protocol/errors.ts";
import { DescribeQuorum } from "../../protocol/messages/describe_quorum.ts";
import { UnregisterBroker } from "../../protocol/messages/unregister_broker.ts";
import { UpdateFeatures } from "../../protocol/messages/update_features.ts";
import { type Change, change, each } from "./change.ts";

/** By which `runnel backup create` is known. */
const BACKUP = "runnel-backup";

export const clusterChanges: readonly Change[] = [
  change(UpdateFeatures, {
    action: "feature.update",
    doc: "Feature levels are raised or lowered; not where that is only validated.",
    items: ({ featureUpdates, validateOnly }) =>
      validateOnly ? [] : each(featureUpdates, ({ feature, maxVersionLevel }) => ({
        type: "feature",
        name: feature,
        change: { level: maxVersionLevel },
        codeOf: ({ errorCode = 0 }) => errorCode,
      })),
    refuse: (_request, refusal) => ({ ...refusal, results: [] }),
  }),
  change(UnregisterBroker, {
    action: "broker.unregister",
    doc: "A broker is taken out of the metadata.",
    items: ({ brokerId }) => [{
      type: "broker",
      name: String(brokerId),
      codeOf: ({ errorCode = 0 }) => errorCode,
    }],
    refuse: (_request, refusal) => refusal,
  }),
  change(DescribeQuorum, {
    action: "backup.create",
    doc:
      "`runnel backup create` copies the data: it is known by its client id, and asks where the metadata ends. Who reads the files without asking is not seen.",
    items: (_request, { clientId }) =>
      clientId !== BACKUP ? [] : [{
        type: "cluster",
        name: "data",
        codeOf: ({ errorCode = ErrorCode.NONE }) => errorCode,
      }],
    refuse: (_request, refusal) => ({ ...refusal, topics: [], nodes: [] }),
  }),
];
