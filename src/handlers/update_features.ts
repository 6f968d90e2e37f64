/**
 * UpdateFeatures 0–2: raises or lowers the levels of features (KIP-584), all of the request or none; with validateOnly
 * says whether it could. What cannot be done is 95 for the whole request.
 *
 * Versions: 0 "may downgrade" means a safe one · 1 the kind of upgrade, and validateOnly · 2 no result for each feature.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { UpdateFeatures } from "../protocol/messages/update_features.ts";
import type { MetadataLog } from "../topics/metadata_log.ts";
import { planUpdateFeatures, UpgradeType } from "../topics/plan_update_features.ts";
import { type Handler, handler } from "./handler.ts";

export interface UpdateFeaturesDeps {
  readonly metadata: MetadataLog;
  readonly nodeId: number;
}

export function updateFeatures({ metadata, nodeId }: UpdateFeaturesDeps): Handler {
  return handler(UpdateFeatures, { min: 0, max: 2 }, async (request, { apiVersion }) => {
    const updates = request.featureUpdates.map(({ allowDowngrade, ...update }) => ({
      ...update,
      upgradeType: allowDowngrade ? UpgradeType.SAFE_DOWNGRADE : update.upgradeType,
    }));
    const { kraftVersion } = metadata;
    const error = await metadata.transact((catalogue) => {
      const { records, result } = planUpdateFeatures(catalogue, updates, { nodeId, kraftVersion });
      return { records: request.validateOnly ? [] : records, result };
    });
    if (error !== null) {
      return {
        errorCode: ErrorCode.INVALID_UPDATE_VERSION,
        errorMessage:
          `The update failed for all features since the following feature had an error: ${error}`,
      };
    }
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
