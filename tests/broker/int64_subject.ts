/** What requests with an extreme int64 are about, and which a broker serves. */
import type { Connection } from "../../src/client/connection.ts";
import { ApiVersions } from "../../src/protocol/messages/api_versions.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { apis } from "../../src/protocol/messages/mod.ts";
import { OffsetFetch } from "../../src/protocol/messages/offset_fetch.ts";
import type { Api } from "../../src/protocol/schema.ts";
import { int64Paths, type Subject } from "../transcripts/int64_requests.ts";
import { append } from "./calls.ts";

export interface ServedApi {
  readonly api: Api;
  readonly min: number;
  readonly max: number;
}

/** The APIs with an int64 in their request, in the versions that both the broker and the declarations have. */
export async function servedWithInt64(connection: Connection): Promise<ServedApi[]> {
  const ask = { clientSoftwareName: "test", clientSoftwareVersion: "1" };
  const { apiKeys } = await connection.request(ApiVersions, 3, ask);
  return apiKeys.flatMap(({ apiKey, minVersion, maxVersion }) => {
    const api = (apis as readonly Api[]).find(({ key }) => key === apiKey)!;
    const min = Math.max(api.min, minVersion), max = Math.min(api.max, maxVersion);
    const versions = Array.from({ length: max - min + 1 }, (_, i) => min + i);
    const has = versions.some((version) => int64Paths(api.request, version).length > 0);
    return has ? [{ api, min, max }] : [];
  });
}

/** A topic of one partition with three records, and a group that has a coordinator. */
export async function prepare(connection: Connection, name: string): Promise<Subject> {
  const { topics: [{ topicId }] } = await connection.request(CreateTopics, 7, {
    topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
  });
  for (let error = -1; error !== 0;) {
    const ask = { keyType: 0, coordinatorKeys: [name] };
    await connection.request(FindCoordinator, 4, ask);
    const groups = [{ groupId: name, topics: [] }];
    const fetched = await connection.request(OffsetFetch, 8, { groups, requireStable: false });
    error = fetched.groups[0].errorCode;
    if (error !== 0) await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await append(connection, name, ["a", "b", "c"]);
  return { topic: name, topicId, group: name };
}
