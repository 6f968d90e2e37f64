/** Changes of configs. Values of what is secret are not written. */
import { AlterConfigs } from "../../protocol/messages/alter_configs.ts";
import { IncrementalAlterConfigs } from "../../protocol/messages/incremental_alter_configs.ts";
import { type Change, change, indexed, type Refusal } from "./change.ts";

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
      return validateOnly ? [] : resources.flatMap((resource) => {
        const configs = resource.configs.map(({ name, value }) => configChange(name, value));
        return items(resource, configs, codeOf(keyOf(resource)));
      });
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
      return validateOnly ? [] : resources.flatMap((resource) => {
        const configs = resource.configs.map(({ name, value, configOperation }) => ({
          operation: OPERATIONS[configOperation] ?? String(configOperation),
          ...configChange(name, value),
        }));
        return items(resource, configs, codeOf(keyOf(resource)));
      });
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
    (answer.responses ?? []).map(({ resourceType = 0, resourceName = "", errorCode }) =>
      [keyOf({ resourceType, resourceName }), errorCode] as const
    )
  );
}

function keyOf({ resourceType, resourceName }: Resource): string {
  return `${resourceType} ${resourceName}`;
}

function items(
  { resourceType, resourceName }: Resource,
  configs: readonly object[],
  codeOf: (answer: Responses) => number | null,
) {
  const type = RESOURCES[resourceType] ?? String(resourceType), all = [];
  for (let i = 0; i === 0 || i < configs.length; i += TOGETHER) {
    const change = { configs: configs.slice(i, i + TOGETHER) };
    all.push({ type, name: resourceName, change, codeOf });
  }
  return all;
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
