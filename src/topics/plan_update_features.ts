/**
 * planUpdateFeatures: from an UpdateFeatures request and the catalogue to FEATURE_LEVEL_RECORDs, all or none. Texts are
 * those of Kafka's FeatureControlManager.
 *
 * `kafka-features upgrade` names every feature of a release, also those that this broker holds and does not serve: their
 * levels are taken like the others. metadata.version goes up only: a lower one has no place for what newer records say.
 */
import { type Catalogue, ConfigResource } from "./catalogue.ts";
import {
  ELIGIBLE_LEADER_REPLICAS,
  HELD_FEATURES,
  KRAFT_VERSION,
  METADATA_VERSION,
} from "./features.ts";
import type { NewRecord } from "./metadata_record.ts";
import type { Plan } from "./metadata_store.ts";

/** Kafka: FeatureUpdate.UpgradeType. */
const UpgradeType = { UPGRADE: 1, SAFE_DOWNGRADE: 2, UNSAFE_DOWNGRADE: 3 } as const;

export interface FeatureUpdate {
  readonly feature: string;
  readonly maxVersionLevel: number;
  readonly upgradeType: number;
}

export interface UpdateFeaturesOptions {
  readonly nodeId: number;
  readonly kraftVersion: number;
}

/** The result is why the first update that fails does, or null. */
export function planUpdateFeatures(
  catalogue: Catalogue,
  updates: readonly FeatureUpdate[],
  options: UpdateFeaturesOptions,
): Plan<string | null> {
  const records: NewRecord[] = [];
  for (const update of updates) {
    const error = updateError(catalogue, update, options);
    if (error !== null) return { records: [], result: error };
    const { feature: name, maxVersionLevel: featureLevel } = update;
    if (featureLevel === levelOf(catalogue, name, options)) continue;
    if (name === ELIGIBLE_LEADER_REPLICAS) records.push(...minInsyncRecords(catalogue));
    records.push({ kind: "FeatureLevelRecord", version: 0, value: { name, featureLevel } });
  }
  return { records, result: null };
}

function updateError(
  catalogue: Catalogue,
  { feature, maxVersionLevel: wanted, upgradeType }: FeatureUpdate,
  options: UpdateFeaturesOptions,
): string | null {
  const invalid = (why: string) =>
    `Invalid update version ${wanted} for feature ${feature}. ${why}`;
  if (upgradeType < UpgradeType.UPGRADE || upgradeType > UpgradeType.UNSAFE_DOWNGRADE) {
    return invalid("The controller does not support the given upgrade type.");
  }
  if (wanted < 0) return invalid("A feature version cannot be less than 0.");
  const level = levelOf(catalogue, feature, options);
  const isKnown = feature === KRAFT_VERSION || catalogue.features.has(feature);
  if (isKnown && wanted === level) return null;
  const supported = HELD_FEATURES.find(({ name }) => name === feature);
  const controller = `Local controller ${options.nodeId}`;
  if (supported === undefined) return invalid(`${controller} does not support this feature.`);
  const { minVersion, maxVersion } = supported;
  if (wanted < minVersion || wanted > maxVersion) {
    return invalid(`${controller} only supports versions ${minVersion}-${maxVersion}`);
  }
  if (wanted < level && upgradeType === UpgradeType.UPGRADE) {
    return invalid(
      "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.",
    );
  }
  if (wanted > level && upgradeType !== UpgradeType.UPGRADE) {
    return invalid("Can't downgrade to a newer version.");
  }
  if (feature === KRAFT_VERSION) {
    // Kafka can write voters into the log. Whoever takes the directory over looks there for its controller's address,
    // and it has none here.
    return invalid(
      "The voters of this quorum stand where the directory was begun to have them; raise the other features by name.",
    );
  }
  return feature === METADATA_VERSION && wanted < level
    ? metadataDowngrade(level, wanted, upgradeType)
    : null;
}

function metadataDowngrade(level: number, wanted: number, upgradeType: number): string {
  const why = upgradeType === UpgradeType.SAFE_DOWNGRADE
    ? "Refusing to perform the requested downgrade because it might delete metadata information."
    : "Unsafe metadata downgrade is not supported in this version.";
  return `Unsupported ${METADATA_VERSION} downgrade from ${level} to ${wanted}. ${why}`;
}

function levelOf(
  catalogue: Catalogue,
  feature: string,
  { kraftVersion }: UpdateFeaturesOptions,
): number {
  return feature === KRAFT_VERSION ? kraftVersion : catalogue.features.get(feature) ?? 0;
}

/** With eligible leader replicas the cluster has a min.insync.replicas of its own, and no broker another (KIP-966). */
function minInsyncRecords(catalogue: Catalogue): NewRecord[] {
  const name = "min.insync.replicas";
  const configured = catalogue.configured(ConfigResource.BROKER);
  const set = (resourceName: string, value: string | null): NewRecord => ({
    kind: "ConfigRecord",
    version: 0,
    value: { resourceType: ConfigResource.BROKER, resourceName, name, value },
  });
  const ofBrokers = configured.filter((id) =>
    id !== "" && catalogue.configs(ConfigResource.BROKER, id).has(name)
  );
  const records = ofBrokers.map((id) => set(id, null));
  if (!catalogue.brokerConfigs("").has(name)) records.push(set("", "1"));
  return records;
}
