/**
 * UpdateFeatures 0–2: raises or lowers the levels of features (KIP-584), all of the request or none; with validateOnly
 * says whether it could. What cannot be done is 95 for the whole request.
 *
 * Versions: 0 raises only, whatever it says of downgrades: Kafka's controller does not look at that field · 1 the kind of
 * upgrade, and validateOnly · 2 no result for each feature.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { UpdateFeatures } from "../protocol/messages/update_features.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { planUpdateFeatures } from "../topics/plan_update_features.ts";
import { failure, type Outcome, SUCCESS } from "../topics/outcome.ts";
import { type Handler, handler } from "./handler.ts";
import { orNotWritten } from "./not_written.ts";

export interface UpdateFeaturesDeps {
  readonly metadata: MetadataStore;
  readonly nodeId: number;
}

export function updateFeatures({ metadata, nodeId }: UpdateFeaturesDeps): Handler {
  return handler(UpdateFeatures, { min: 0, max: 2 }, async (request, { apiVersion }) => {
    const updates = request.featureUpdates; // of version 0 each an upgrade, by the default of upgradeType
    const { kraftVersion } = metadata.quorum;
    const transaction = metadata.transact((catalogue) => {
      const { records, result } = planUpdateFeatures(catalogue, updates, { nodeId, kraftVersion });
      return { records: request.validateOnly ? [] : records, result };
    });
    const outcome = await orNotWritten(transaction.then(outcomeOf), (outcome) => outcome);
    if (outcome.errorCode !== ErrorCode.NONE) return outcome;
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      results: apiVersion >= 2 ? [] : updates.map(({ feature }) => ({
        feature,
        errorCode: ErrorCode.NONE,
        errorMessage: "NONE",
      })),
    };
  });
}

/** Of what is wrong with the update, or null. */
function outcomeOf(error: string | null): Outcome {
  if (error === null) return SUCCESS;
  return failure(
    ErrorCode.INVALID_UPDATE_VERSION,
    `The update failed for all features since the following feature had an error: ${error}`,
  );
}
