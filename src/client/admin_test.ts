/** Proves that a cluster is described whatever its brokers' age is, by a scripted one. */
import { assertEquals } from "@std/assert";
import { joined } from "../protocol/codec.ts";
import { encodeResponse } from "../protocol/frame.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import { ScriptedSocket, versionsAnswer } from "../testing/scripted_socket.ts";
import { Admin } from "./admin.ts";
import { askingOf } from "./asking.ts";
import { Cluster } from "./cluster.ts";
import { clusterIdOf } from "./settings.ts";

Deno.test("a broker from before there was DescribeCluster (Kafka 2.8) says which cluster it is of", async () => {
  const dial = () =>
    Promise.resolve(
      new ScriptedSocket(({ apiKey, apiVersion, correlationId }) => {
        if (apiKey === ApiVersions.key) {
          return versionsAnswer({ apiVersion, correlationId }, [[3, 9], [18, 3]]);
        }
        return joined(encodeResponse(Metadata, apiVersion, correlationId, {
          clusterId: "old",
          controllerId: 7,
          brokers: [{ nodeId: 7, host: "broker", port: 9092 }],
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
  } finally {
    cluster.close();
  }
});
