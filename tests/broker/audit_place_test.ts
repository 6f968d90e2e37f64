/** Where the audit's file may be: beside the data directory, whatever links lead there, and a file that keeps what is written. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConfigError } from "../../src/config/load.ts";
import { TestBroker, withDirectory } from "./harness.ts";

Deno.test("no link leads the audit into the data directory", async () => {
  await withDirectory(async (folder) => {
    const path = `${folder}/data`, log = `${path}/__cluster_metadata-0/00000000000000000000.log`;
    await (await TestBroker.start({ path }))[Symbol.asyncDispose]();
    const before = await Deno.readFile(log), names = [...Deno.readDirSync(path)].length;
    await Deno.symlink(log, `${folder}/audit.log`);
    await Deno.symlink(path, `${folder}/elsewhere`);
    for (const file of [`${folder}/audit.log`, `${folder}/elsewhere/audit.log`]) {
      await assertRejects(
        () => TestBroker.start({ path, audit: { file } }),
        ConfigError,
        "is in the data directory",
      );
    }
    assertEquals((await Deno.readFile(log)).subarray(0, before.length), before);
    assertEquals([...Deno.readDirSync(path)].length, names);
  });
});

Deno.test("the audit goes where a link leads that is somewhere else, and not to a device", async () => {
  await withDirectory(async (folder) => {
    await Deno.mkdir(`${folder}/there`);
    await Deno.writeTextFile(`${folder}/there/lines`, "");
    await Deno.symlink(`${folder}/there/lines`, `${folder}/audit.log`);
    await (await TestBroker.start({ audit: { file: `${folder}/audit.log` } }))
      [Symbol.asyncDispose]();
    assert((await Deno.readTextFile(`${folder}/there/lines`)).includes('"started"'));
    await Deno.symlink("/dev/null", `${folder}/null.log`);
    await assertRejects(
      () => TestBroker.start({ audit: { file: `${folder}/null.log`, fsync: false } }),
      ConfigError,
      "neither a file nor a folder",
    );
  });
});
