/** Whose configs a command is about, of its first two words. */
import type { ConfigResource } from "../../client/admin.ts";
import type { Cluster } from "../../client/cluster.ts";
import { ConfigError } from "../../config/load.ts";
import type { Call } from "../call.ts";

/** Of what has configs. */
export const KINDS = ["topic", "broker", "group", "client"] as const;

/** Throws ConfigError. */
export function resourceOf(call: Call, name = call.words[1]): ConfigResource {
  const type = KINDS.find((kind) => kind === call.words[0]);
  if (type === undefined) {
    throw call.misused(`KIND ${call.words[0] || '""'}: needs one of ${KINDS.join(", ")}`);
  }
  if (type !== "broker") {
    if (name === "") throw call.misused(`NAME "": needs the name of a ${type}`);
    return { type, name };
  }
  if (name === "default") return { type, name: "" };
  if (/^\d{1,10}$/.test(name)) return { type, name };
  throw call.misused(`NAME ${name || '""'}: needs the id of a broker, or default for all`);
}

/** "topic orders", "all brokers" */
export function toldOf({ type, name }: ConfigResource): string {
  return type === "broker" && name === "" ? "all brokers" : `${type} ${name}`;
}

/** A topic and a broker have to be there; asked for at once, since requests about them are tried again and again. */
export async function mustBeThere(
  cluster: Cluster,
  { type, name }: ConfigResource,
): Promise<void> {
  if (type === "topic") await cluster.retry(() => cluster.topic(name), { timeoutMs: 0 });
  if (type !== "broker" || name === "") return;
  const ids = (await cluster.retry(() => cluster.nodes())).map(({ id }) => id);
  if (!ids.includes(Number(name))) {
    throw new ConfigError(`There is no broker ${name}: the brokers are ${ids.join(", ")}`);
  }
}
