/**
 * Change: configs of a resource, set or taken back, all or none of them. A name that there is none of is refused, with the
 * one that was probably meant: brokers take it quietly where it is only to be unset.
 */
import { Admin, type ConfigResource } from "../../client/admin.ts";
import type { Cluster } from "../../client/cluster.ts";
import { KafkaError } from "../../client/errors.ts";
import { ConfigError } from "../../config/load.ts";
import { closest } from "../../config/near_miss.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { toldOf } from "./resource.ts";

/** By name; null is its default again. Throws ConfigError and KafkaError. */
export async function changeConfigs(
  cluster: Cluster,
  resource: ConfigResource,
  configs: Readonly<Record<string, string | null>>,
  { validateOnly = false }: { readonly validateOnly?: boolean } = {},
): Promise<void> {
  const names = Object.keys(configs);
  await mustBeKnown(cluster, resource, names.filter((name) => configs[name] === null));
  try {
    await new Admin(cluster).alterConfigs(resource, configs, { validateOnly });
  } catch (error) {
    const isRefused = error instanceof KafkaError && error.code === ErrorCode.INVALID_CONFIG;
    if (isRefused) await mustBeKnown(cluster, resource, names);
    throw error;
  }
}

/** As far as the broker tells what there is: of a topic and a group everything, to who may see it. */
async function mustBeKnown(
  cluster: Cluster,
  resource: ConfigResource,
  names: readonly string[],
): Promise<void> {
  if (names.length === 0 || (resource.type !== "topic" && resource.type !== "group")) return;
  let known: string[];
  try {
    known = (await new Admin(cluster).describeConfigs(resource)).map(({ name }) => name);
  } catch (error) {
    if (error instanceof KafkaError) return;
    throw error;
  }
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined || known.length === 0) return;
  const near = closest(unknown, known);
  throw new ConfigError(
    `${toldOf(resource)} has no config ${unknown}${near === null ? "" : `: did you mean ${near}?`}`,
  );
}
