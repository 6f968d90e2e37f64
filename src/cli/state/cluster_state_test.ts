/** Proves what is read of a cluster that asks no ACLs, or is older than configs of groups, by one made up here. */
import { assertEquals, assertRejects } from "@std/assert";
import type { Asking } from "../../client/asking.ts";
import { KafkaError } from "../../client/errors.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { clusterState, EVERYTHING, scopeOf } from "./cluster_state.ts";

/** A cluster with nothing in it and no authorizer; `groups`: the version in which it lists resources, null for none. */
function clusterWith(groups: number | null): Asking {
  const answers: Record<string, unknown> = {
    Metadata: { errorCode: 0, topics: [] },
    DescribeConfigs: {
      results: [{ errorCode: 0, resourceType: 4, resourceName: "", configs: [] }],
    },
    DescribeUserScramCredentials: { errorCode: 0, results: [] },
    DescribeClientQuotas: { errorCode: 0, entries: null },
    DescribeAcls: { errorCode: ErrorCode.SECURITY_DISABLED, resources: [] },
    ListConfigResources: { errorCode: 0, configResources: [] },
  };
  return {
    ask: ((api: { name: string }, body: (version: number) => unknown) => {
      body(groups ?? 0);
      return Promise.resolve(answers[api.name]);
    }) as unknown as Asking["ask"],
    speaks: () => Promise.resolve(groups !== null),
    retry: (attempt) => attempt(),
  };
}

Deno.test("a cluster that cannot list groups with configs is read without them, and that is told", async () => {
  for (const [groups, unseen] of [[null, 1], [0, 1], [1, 0]] as const) {
    const found = await clusterState(clusterWith(groups), EVERYTHING);
    assertEquals([found.unseen.length, found.state.groups.size], [unseen, 0], `${groups}`);
  }
});

Deno.test("a cluster that asks no ACLs has none to export, and takes none", async () => {
  const { state } = await clusterState(clusterWith(1), EVERYTHING);
  assertEquals(state.acls.size, 0);
  const scope = scopeOf([JSON.stringify(["acl", "a"])]);
  await assertRejects(() => clusterState(clusterWith(1), scope), KafkaError, "SECURITY_DISABLED");
});

Deno.test("ACLs that only the last apply listed ask for no authorizer", async () => {
  const scope = scopeOf([], [JSON.stringify(["acl", "a"])]);
  assertEquals(scope.acls, true);
  assertEquals((await clusterState(clusterWith(1), scope)).state.acls.size, 0);
});
