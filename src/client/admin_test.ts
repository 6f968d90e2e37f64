/** Proves that a cluster is described whatever its brokers' age is, by a scripted one. */
import { assertEquals } from "@std/assert";
import { joined } from "../protocol/codec.ts";
import { encodeResponse } from "../protocol/frame.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import { DescribeLogDirs } from "../protocol/messages/describe_log_dirs.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import { ScriptedSocket, versionsAnswer } from "../testing/scripted_socket.ts";
import { Admin } from "./admin.ts";
import { askingOf } from "./asking.ts";
import { clusterFacts } from "./broker_facts.ts";
import { Cluster } from "./cluster.ts";
import { clusterIdOf } from "./settings.ts";

Deno.test("a broker from before there was DescribeCluster (Kafka 2.8) says which cluster it is of", async () => {
  const dial = () =>
    Promise.resolve(
      new ScriptedSocket(({ apiKey, apiVersion, correlationId }) => {
        if (apiKey === ApiVersions.key) {
          return versionsAnswer({ apiVersion, correlationId }, [[3, 9], [18, 3], [35, 1]]);
        }
        if (apiKey === DescribeLogDirs.key) {
          return joined(
            encodeResponse(DescribeLogDirs, apiVersion, correlationId, { results: [] }),
          );
        }
        return joined(encodeResponse(Metadata, apiVersion, correlationId, {
          clusterId: "old",
          controllerId: 7,
          brokers: [{ nodeId: 7, host: "broker", port: 9092, rack: "r" }],
        }));
      }),
    );
  const cluster = new Cluster({ bootstrap: "broker:9092", dial });
  try {
    assertEquals(await new Admin(cluster).describeCluster(), {
      clusterId: "old",
      controllerId: 7,
      nodes: [{ id: 7, host: "broker", port: 9092 }],
    });
    assertEquals(await clusterIdOf(askingOf(cluster)), "old");
    const { clusterId, controllerId, brokers } = await clusterFacts(cluster);
    assertEquals([clusterId, controllerId], ["old", 7]);
    assertEquals(brokers.map(({ id, host, rack, dirs }) => [id, host, rack, dirs]), [
      [7, "broker", "r", []],
    ]);
  } finally {
    cluster.close();
  }
});
