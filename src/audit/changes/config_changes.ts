/** Changes of configs. Values of what is secret are not written. */
import { AlterConfigs } from "../../protocol/messages/alter_configs.ts";
import { IncrementalAlterConfigs } from "../../protocol/messages/incremental_alter_configs.ts";
import { type Change, change, each, eachOf, indexed, type Refusal } from "./change.ts";

/** As topics' ConfigResource has them (Kafka: ConfigResource.Type). */
const RESOURCES: Readonly<Record<number, string>> = {
  2: "topic",
  4: "broker",
  8: "broker_logger",
  16: "client_metrics",
  32: "group",
};
const OPERATIONS = ["set", "delete", "append", "subtract"];
const SECRET = /password|secret|jaas|credential|keystore\.key|token|salt/i;
/** Configs of one resource that stand together in a line. */
const TOGETHER = 20;

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

export const configChanges: readonly Change[] = [
  change(AlterConfigs, {
    action: "config.replace",
    doc: "All configs of a resource are replaced; not where that is only validated.",
    isChange: ({ validateOnly }) => !validateOnly,
    items({ resources, validateOnly }) {
      const codeOf = codes();
      return validateOnly ? [] : itemsOf(
        resources,
        ({ name, value }) => configChange(name, value),
        (resource) => codeOf(keyOf(resource)),
      );
    },
    refuse: ({ resources }, refusal) => refused(resources, refusal),
  }),
  change(IncrementalAlterConfigs, {
    action: "config.alter",
    doc:
      "Single configs of a resource are set, removed or extended; not where that is only validated.",
    isChange: ({ validateOnly }) => !validateOnly,
    items({ resources, validateOnly }) {
      const codeOf = codes();
      return validateOnly ? [] : itemsOf(
        resources,
        ({ name, value, configOperation }) => ({
          operation: OPERATIONS[configOperation] ?? String(configOperation),
          ...configChange(name, value),
        }),
        (resource) => codeOf(keyOf(resource)),
      );
    },
    refuse: ({ resources }, refusal) => refused(resources, refusal),
  }),
];

/** A config as it was to become; "***" in place of a secret. */
export function configChange(name: string, value: string | null) {
  return { name, value: value !== null && SECRET.test(name) ? "***" : value };
}

interface Responses {
  readonly responses?: readonly {
    readonly errorCode?: number;
    readonly resourceType?: number;
    readonly resourceName?: string;
  }[];
}

function codes() {
  return indexed((answer: Responses) =>
    each(
      answer.responses ?? [],
      ({ resourceType = 0, resourceName = "", errorCode }) =>
        [keyOf({ resourceType, resourceName }), errorCode] as const,
    )
  );
}

function keyOf({ resourceType, resourceName }: Resource): string {
  return `${resourceType} ${resourceName}`;
}

/** Some configs at a time, of a resource without any one thing all the same. */
function itemsOf<Config>(
  resources: readonly (Resource & { readonly configs: readonly Config[] })[],
  changeOf: (config: Config) => object,
  codeOf: (resource: Resource) => (answer: Responses) => number | null,
) {
  return eachOf(resources, startsOf, (resource, from) => ({
    type: RESOURCES[resource.resourceType] ?? String(resource.resourceType),
    name: resource.resourceName,
    change: { configs: resource.configs.slice(from, from + TOGETHER).map(changeOf) },
    codeOf: codeOf(resource),
  }));
}

/** Where the configs begin that stand together. */
function startsOf({ configs }: { readonly configs: readonly unknown[] }): number[] {
  const count = Math.max(1, Math.ceil(configs.length / TOGETHER));
  return Array.from({ length: count }, (_, i) => i * TOGETHER);
}

function refused(resources: readonly Resource[], refusal: Refusal) {
  return {
    responses: resources.map(({ resourceType, resourceName }) => ({
      resourceType,
      resourceName,
      ...refusal,
    })),
  };
}
