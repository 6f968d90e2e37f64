/**
 * UpdateFeatures, and what ApiVersions then tells: over a metadata log in memory, through the codec. Codes and texts are
 * those a Kafka 4.4.0 was seen to give.
 */
import { assertEquals } from "@std/assert";
import { UpdateFeatures } from "../protocol/messages/update_features.ts";
import { finalizedFeatures } from "../topics/features.ts";
import { adminFixture, ask, everyVersion } from "../testing/admin.ts";
import { updateFeatures } from "./update_features.ts";

const UPGRADE = 1, SAFE = 2, UNSAFE = 3;
type Update = [feature: string, level: number, upgradeType?: number];

async function start() {
  const { fixture, catalogue } = await adminFixture();
  const { metadata } = fixture;
  const handler = updateFeatures({ metadata, nodeId: 3 });
  const update = async (updates: Update[], { validateOnly = false, version = 2 } = {}) => {
    const answer = await ask(handler, UpdateFeatures, version, {
      featureUpdates: updates.map(([feature, maxVersionLevel, upgradeType = UPGRADE]) => ({
        feature,
        maxVersionLevel,
        ...(version === 0 ? { allowDowngrade: upgradeType !== UPGRADE } : { upgradeType }),
      })),
      ...(version > 0 && { validateOnly }),
    });
    return answer;
  };
  return { fixture, catalogue, handler, update, metadata };
}

Deno.test("A new cluster tells of the features that are served, and of those in force", async () => {
  const { metadata } = await start();
  assertEquals(finalizedFeatures(metadata).map(({ name, level }) => `${name} ${level}`), [
    "eligible.leader.replicas.version 1",
    "group.version 1",
    "metadata.version 30",
    "transaction.version 2",
  ]);
});

Deno.test("UpdateFeatures raises a level in every version, lowers one since version 1, and a restart finds it", async () => {
  const { fixture, handler, update } = await start();
  await everyVersion(handler, async (version) => {
    const level = () => fixture.catalogue.features.get("group.version") ?? 0;
    const lowered = await update([["group.version", 0, SAFE]], { version });
    if (version === 0) {
      assertEquals([lowered.errorCode, level()], [95, 1]);
      await update([["group.version", 0, SAFE]]);
      assertEquals((await update([["group.version", 1]], { version })).errorCode, 0);
      return assertEquals(level(), 1);
    }
    const results = version < 2
      ? [{ feature: "group.version", errorCode: 0, errorMessage: "NONE" }]
      : [];
    assertEquals([lowered.errorCode, lowered.errorMessage, lowered.results], [0, null, results]);
    assertEquals(level(), 0);
    assertEquals((await update([["group.version", 1]], { version })).errorCode, 0);
    assertEquals(level(), 1);
  });
  await update([["transaction.version", 1, UNSAFE]]);
  await fixture.restart({ wasClean: true });
  assertEquals(fixture.catalogue.features.get("transaction.version"), 1);
});

Deno.test("UpdateFeatures takes all levels of a release that are in force already", async () => {
  const { metadata, update } = await start();
  const before = metadata.version;
  const release: Update[] = [
    ["metadata.version", 30],
    ["group.version", 1],
    ["share.version", 1],
    ["streams.version", 1],
    ["kraft.version", 0],
  ];
  assertEquals((await update(release)).errorCode, 0);
  assertEquals(metadata.version, before);
});

Deno.test("UpdateFeatures raises a new cluster to all levels of Kafka 4.4, and a restart finds them", async () => {
  const { fixture, update } = await start();
  const release: Update[] = [
    ["metadata.version", 33],
    ["eligible.leader.replicas.version", 1],
    ["group.version", 1],
    ["share.version", 2],
    ["streams.version", 1],
    ["transaction.version", 2],
  ];
  assertEquals((await update(release)).errorCode, 0);
  await fixture.restart({ wasClean: true });
  const { features } = fixture.catalogue;
  assertEquals(release.map(([name]) => features.get(name)), release.map(([, level]) => level));
});

Deno.test("UpdateFeatures with validateOnly changes nothing", async () => {
  const { catalogue, update } = await start();
  const { errorCode } = await update([["group.version", 0, SAFE]], { validateOnly: true });
  assertEquals([errorCode, catalogue.features.get("group.version")], [0, 1]);
});

Deno.test("UpdateFeatures updates nothing when one update fails", async () => {
  const { catalogue, update } = await start();
  const { errorCode } = await update([["group.version", 0, SAFE], ["zap", 1]]);
  assertEquals([errorCode, catalogue.features.get("group.version")], [95, 1]);
});

Deno.test("Eligible leader replicas come with the cluster's min.insync.replicas, and free it when they go", async () => {
  const { catalogue, update } = await start();
  assertEquals((await update([["eligible.leader.replicas.version", 0, SAFE]])).errorCode, 0);
  assertEquals((await update([["eligible.leader.replicas.version", 1]])).errorCode, 0);
  assertEquals(catalogue.brokerConfigs("").get("min.insync.replicas"), "1");
});

const REFUSED: [Update, string][] = [
  [
    ["group.version", 0],
    "Invalid update version 0 for feature group.version. Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.",
  ],
  [
    ["group.version", 2],
    "Invalid update version 2 for feature group.version. Local controller 3 only supports versions 0-1",
  ],
  [
    ["zap", 1],
    "Invalid update version 1 for feature zap. Local controller 3 does not support this feature.",
  ],
  [
    ["group.version", -1],
    "Invalid update version -1 for feature group.version. A feature version cannot be less than 0.",
  ],
  [
    ["group.version", 1, 9],
    "Invalid update version 1 for feature group.version. The controller does not support the given upgrade type.",
  ],
  [
    ["metadata.version", 29, SAFE],
    "Unsupported metadata.version downgrade from 30 to 29. Refusing to perform the requested downgrade because it might delete metadata information.",
  ],
  [
    ["metadata.version", 17, UNSAFE],
    "Unsupported metadata.version downgrade from 30 to 17. Unsafe metadata downgrade is not supported in this version.",
  ],
  [
    ["metadata.version", 34],
    "Invalid update version 34 for feature metadata.version. Local controller 3 only supports versions 7-33",
  ],
  [
    ["share.version", 3],
    "Invalid update version 3 for feature share.version. Local controller 3 only supports versions 0-2",
  ],
];

for (const [refused, why] of REFUSED) {
  Deno.test(`UpdateFeatures refuses ${refused.join(" ")}`, async () => {
    const { update } = await start();
    const { errorCode, errorMessage } = await update([refused]);
    const all = "The update failed for all features since the following feature had an error: ";
    assertEquals([errorCode, errorMessage], [95, all + why]);
  });
}
