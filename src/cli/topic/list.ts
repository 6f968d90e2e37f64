/** `runnel topic list`: every topic with its partitions, replicas and bytes on disk. */
import { RE2JS } from "re2js";
import { Admin } from "../../client/admin.ts";
import { logDirs } from "../../client/log_dirs.ts";
import { ConfigError } from "../../config/load.ts";
import { connected } from "../connected.ts";
import type { Run } from "../command.ts";

export const listTopics: Run = (call) =>
  connected(call, async ({ cluster, out }) => {
    const pattern = call.text("--pattern");
    const matches = pattern === null ? () => true : patternOf(pattern);
    const admin = new Admin(cluster);
    const topics = (await admin.listTopics({ includeInternal: call.has("--internal") }))
      .filter(({ name }) => matches(name));
    const bytes = new Map<string, number>();
    for (const { topic, bytes: more } of await logDirs(cluster)) {
      bytes.set(topic, (bytes.get(topic) ?? 0) + more);
    }
    out.table(
      ["topic", "partitions", "replicas", "bytes"],
      topics.map(({ name, partitions }) => [
        name,
        partitions.length,
        partitions[0]?.replicas.length ?? 0,
        bytes.get(name) ?? null,
      ]),
    );
    return 0;
  });

/** Throws ConfigError. */
export function patternOf(text: string): (name: string) => boolean {
  try {
    const pattern = RE2JS.compile(text);
    return (name) => pattern.matches(name);
  } catch (error) {
    throw new ConfigError(`--pattern ${text}: ${(error as Error).message}`);
  }
}
