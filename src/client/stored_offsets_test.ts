/** Proves that what a group has committed is asked of brokers of any age, by a scripted one. */
import { assertEquals, assertRejects } from "@std/assert";
import { joined } from "../protocol/codec.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { decodeRequest, encodeResponse } from "../protocol/frame.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import { FindCoordinator } from "../protocol/messages/find_coordinator.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import { OffsetFetch } from "../protocol/messages/offset_fetch.ts";
import { type Asked, ScriptedSocket, versionsAnswer } from "../testing/scripted_socket.ts";
import { Cluster } from "./cluster.ts";
import { KafkaError } from "./errors.ts";
import { committedOffsets } from "./groups.ts";
import { storedOffsets } from "./stored_offsets.ts";

/** A coordinator that speaks OffsetFetch up to this version: of "g" it has 7 in t-0, and nothing in t-1. */
function coordinator(maxVersion: number, errorCode = 0) {
  const asked: unknown[] = [];
  const topics = [{
    name: "t",
    partitions: [[0, 7n], [1, -1n]].map(([partitionIndex, committedOffset]) => ({
      partitionIndex: Number(partitionIndex),
      committedOffset: BigInt(committedOffset),
      metadata: "m",
    })),
  }];
  const answer = ({ apiKey, apiVersion, correlationId, frame, bodyAt }: Asked): Uint8Array => {
    switch (apiKey) {
      case ApiVersions.key:
        return versionsAnswer({ apiVersion, correlationId }, [[3, 12], [9, maxVersion], [10, 3], [
          18,
          4,
        ]]);
      case Metadata.key:
        return joined(encodeResponse(Metadata, apiVersion, correlationId, {
          brokers: [{ nodeId: 0, host: "broker", port: 9092 }],
        }));
      case FindCoordinator.key:
        return joined(encodeResponse(FindCoordinator, apiVersion, correlationId, {
          nodeId: 0,
          host: "broker",
          port: 9092,
        }));
      default: {
        const request = decodeRequest(OffsetFetch, apiVersion, frame, bodyAt);
        const { groupId, topics: wanted } = apiVersion >= 8 ? request.groups[0] : request;
        asked.push([apiVersion, groupId, wanted, request.requireStable]);
        const body = { errorCode, topics };
        return joined(encodeResponse(
          OffsetFetch,
          apiVersion,
          correlationId,
          apiVersion >= 8 ? { groups: [{ groupId: "g", ...body }] } : body,
        ));
      }
    }
  };
  const dial = () => Promise.resolve(new ScriptedSocket(answer));
  const cluster = new Cluster({ bootstrap: "broker:9092", dial });
  return { cluster, asked, [Symbol.dispose]: () => cluster.close() };
}

for (const version of [5, 7, 9]) {
  Deno.test(`all that a group has committed is asked for, also in version ${version}`, async () => {
    using at = coordinator(version);
    assertEquals(await storedOffsets(at.cluster, "g"), [
      { topic: "t", partition: 0, offset: 7n, metadata: "m" },
    ]);
    assertEquals(at.asked, [[version, "g", null, version >= 7]]);
    const committed = await committedOffsets(at.cluster, "g");
    assertEquals(committed[0], { topic: "t", partition: 0, offset: 7n });
  });

  Deno.test(`a group that may not be asked for is told as such in version ${version}`, async () => {
    using at = coordinator(version, ErrorCode.GROUP_AUTHORIZATION_FAILED);
    await assertRejects(() => storedOffsets(at.cluster, "g"), KafkaError, "GROUP_AUTHORIZATION");
    await assertRejects(() => committedOffsets(at.cluster, "g"), KafkaError, "GROUP_AUTHORIZATION");
  });
}
