/**
 * planAlterConfigs: from a request that alters configs and the catalogue to CONFIG_RECORDs and an outcome for each
 * resource. Codes and texts are those of Kafka's ConfigAdminManager and ConfigurationControlManager, which tools print.
 *
 * A resource is altered whole or not at all. A config is deleted by a record without a value; what does not change
 * writes nothing.
 */
import type { Config } from "../config/options.ts";
import { isTopicConfig, topicConfigs } from "../config/topic_configs.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { type DynamicBrokerConfig, dynamicBrokerConfig } from "./broker_configs.ts";
import { type Catalogue, ConfigResource } from "./catalogue.ts";
import { configError, resourceError } from "./config_rules.ts";
import { STATIC_BROKER_CONFIGS } from "./kafka_broker_configs.ts";
import { ELIGIBLE_LEADER_REPLICAS } from "./features.ts";
import type { NewRecord } from "./metadata_record.ts";
import type { Steps } from "./metadata_store.ts";
import { failure, type Outcome, repeated, repeatedInSteps, SUCCESS } from "./outcome.ts";

/** Kafka: AlterConfigOp.OpType. */
export const ConfigOperation = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;

export interface ConfigAlteration {
  readonly name: string;
  readonly configOperation: number;
  readonly value: string | null;
}

export interface AlteredResource {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: readonly ConfigAlteration[];
}

export interface AlterConfigsOptions {
  readonly nodeId: number;
  /** AlterConfigs: what is not named is deleted. */
  readonly replaces: boolean;
  /** Names of this broker's options under Kafka's names: they change with a restart only. */
  readonly fixedBrokerConfigs: ReadonlySet<string>;
  /** The broker's options for groups. */
  readonly groups: Config["groups"];
}

export interface ConfigOutcome extends Outcome {
  readonly resourceType: number;
  readonly resourceName: string;
}

export function* planAlterConfigs(
  catalogue: Catalogue,
  resources: readonly AlteredResource[],
  options: AlterConfigsOptions,
): Steps<ConfigOutcome[]> {
  const key = ({ resourceType, resourceName }: AlteredResource) =>
    `${resourceType}:${resourceName}`;
  const twice = yield* repeatedInSteps(resources.map(key));
  const records: NewRecord[] = [], result: ConfigOutcome[] = [];
  const room = new Room(catalogue);
  for (const resource of resources) {
    yield; // each may have a thousand configs
    const { resourceType, resourceName } = resource;
    const outcome = twice.has(key(resource))
      ? invalid("Each resource must appear at most once.")
      : alter(catalogue, resource, { ...options, room, records });
    result.push({ ...outcome, resourceType, resourceName });
  }
  return { records, result };
}

function alter(
  catalogue: Catalogue,
  resource: AlteredResource,
  options: AlterConfigsOptions & { readonly room: Room; readonly records: NewRecord[] },
): Outcome {
  const refused = requestError(resource) ?? resourceError(catalogue, resource, options);
  if (refused !== null) return refused;
  const current = currentConfigs(catalogue, resource);
  const next = new Map(options.replaces ? [] : current);
  for (const alteration of resource.configs) {
    const error = applyTo(next, resource.resourceType, alteration);
    if (error !== null) return error;
  }
  if (next.size > MAX_CONFIGS) return TOO_MANY;
  const changes = changesBetween(current, next);
  const hasElr = catalogue.features.has(ELIGIBLE_LEADER_REPLICAS);
  const error = configError(resource, { ...options, next, changes, hasElr });
  if (error !== null) return error;
  const { resourceType, resourceName } = resource;
  if (current.size === 0 && next.size > 0 && !options.room.take(resourceType)) return TOO_MANY;
  for (const [name, value] of changes) {
    const fields = { resourceType, resourceName, name, value };
    options.records.push({ kind: "ConfigRecord", version: 0, value: fields });
  }
  return SUCCESS;
}

/** Configs of one resource, and groups or client metrics subscriptions that have some. Kafka sets no limit. */
const MAX_CONFIGS = 1000, MAX_RESOURCES = 10_000;
const TOO_MANY = failure(
  ErrorCode.POLICY_VIOLATION,
  `There may be ${MAX_CONFIGS} configs of a resource, and ${MAX_RESOURCES} resources of a type that set some.`,
);

/** How many more resources may begin to have configs. Topics are as many as there are topics. */
class Room {
  readonly #catalogue: Catalogue;
  readonly #left = new Map<number, number>();

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  take(resourceType: number): boolean {
    if (resourceType === ConfigResource.TOPIC) return true;
    const left = this.#left.get(resourceType) ??
      MAX_RESOURCES - this.#catalogue.configured(resourceType).length;
    this.#left.set(resourceType, left - 1);
    return left > 0;
  }
}

/** What is wrong with the request itself, whatever the configs mean. */
function requestError({ configs }: AlteredResource): Outcome | null {
  if (configs.length > 2 * MAX_CONFIGS) return TOO_MANY; // all that may be there, and as many others
  if (repeated(configs.map(({ name }) => name)).size > 0) {
    return invalid("Error due to duplicate config keys");
  }
  const nulls = configs.filter(({ configOperation, value }) =>
    value === null && configOperation !== ConfigOperation.DELETE
  );
  if (nulls.length > 0) {
    return invalid(`Null value not supported for : ${nulls.map(({ name }) => name).join(",")}`);
  }
  // Kafka answers an unknown operation with -1.
  const odd = configs.find(({ configOperation }) => configOperation < 0 || configOperation > 3);
  return odd === undefined
    ? null
    : invalid(`Unknown operation ${odd.configOperation} on ${odd.name}: needs 0 to 3`);
}

function currentConfigs(
  catalogue: Catalogue,
  { resourceType, resourceName }: AlteredResource,
): ReadonlyMap<string, string> {
  return resourceType === ConfigResource.TOPIC
    ? catalogue.topic(resourceName)!.configs
    : catalogue.configs(resourceType, resourceName);
}

function applyTo(
  next: Map<string, string>,
  resourceType: number,
  { name, configOperation, value }: ConfigAlteration,
): Outcome | null {
  if (configOperation === ConfigOperation.SET) next.set(name, value!);
  else if (configOperation === ConfigOperation.DELETE) next.delete(name);
  else {
    const list = listDefault(resourceType, name);
    if (list === null) {
      const verb = configOperation === ConfigOperation.APPEND ? "append" : "subtract";
      // In Kafka the broker says the one, and the controller the other.
      const message = resourceType === ConfigResource.BROKER
        ? `Config value ${verb} is not allowed for config key: ${name}`
        : `Can't ${verb.toUpperCase()} to key ${name} because its type is not LIST.`;
      return failure(ErrorCode.INVALID_CONFIG, message);
    }
    const words = new Set((next.get(name) ?? list).split(",").filter((word) => word !== ""));
    for (const word of splitAsJava(value!)) {
      if (configOperation === ConfigOperation.APPEND) words.add(word);
      else words.delete(word);
    }
    next.set(name, [...words].join(","));
  }
  return null;
}

/** What a list has when nothing is set; null for what is no list. Kafka lets no list but of topics and brokers grow. */
function listDefault(resourceType: number, name: string): string | null {
  const spec = resourceType === ConfigResource.TOPIC && isTopicConfig(name)
    ? topicConfigs[name]
    : resourceType === ConfigResource.BROKER
    ? dynamicBrokerConfig(name) ?? staticBrokerConfig(name) // which is refused for that
    : undefined;
  return spec?.type === "list" ? spec.default ?? "" : null;
}

function staticBrokerConfig(name: string): DynamicBrokerConfig | undefined {
  const type = STATIC_BROKER_CONFIGS.get(name);
  return type && { type };
}

/**
 * String.split(","): nothing is one empty word, which no list takes but the empty one; what is empty at the end of others
 * is left out. Kafka does not trim here, so that " compact" is none of the words there were.
 */
function splitAsJava(list: string): string[] {
  if (list === "") return [""];
  const words = list.split(",");
  while (words.at(-1) === "") words.pop();
  return words;
}

/** Null for what is deleted. */
function changesBetween(
  current: ReadonlyMap<string, string>,
  next: ReadonlyMap<string, string>,
): Map<string, string | null> {
  const changes = new Map<string, string | null>();
  for (const [name, value] of next) if (current.get(name) !== value) changes.set(name, value);
  for (const name of current.keys()) if (!next.has(name)) changes.set(name, null);
  return changes;
}

function invalid(message: string): Outcome {
  return failure(ErrorCode.INVALID_REQUEST, message);
}
