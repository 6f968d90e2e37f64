/**
 * Fixture: a backup that is held between any two of its steps (a request to the broker, a look at a folder, a file brought
 * to the device), where something else is done.
 */
import { assert, assertEquals } from "@std/assert";
import { createBackup } from "../src/backup/create.ts";
import type { Manifest } from "../src/backup/manifest.ts";
import { restoreBackup, verifyBackup } from "../src/backup/restore.ts";
import { SourceDirectory } from "../src/backup/source_directory.ts";
import type { Connection } from "../src/client/connection.ts";
import { FileStore } from "../src/storage/backends/file_store.ts";
import { TestBroker } from "./broker/harness.ts";

/** What happens between two steps of a backup. */
export type Between = () => Promise<void>;

class RacedStore extends FileStore {
  constructor(path: string, readonly between: Between) {
    super(path);
  }

  override async syncFolder(folder: string) {
    await this.between();
    await super.syncFolder(folder);
  }

  override async replace(path: string, content: Uint8Array) {
    await this.between();
    await super.replace(path, content);
  }
}

function raced(connection: Connection, between: Between): Connection {
  return new Proxy(connection, {
    get(target, name) {
      if (name !== "request") return Reflect.get(target, name).bind(target);
      return async (...args: Parameters<Connection["request"]>) => {
        await between();
        const answer = await target.request(...args);
        await between();
        return answer;
      };
    },
  });
}

/** Takes a backup with `act` at step `at` and, if it comes `twice`, the one after it; null when it had fewer steps. */
export async function backUpWith(
  broker: TestBroker,
  paths: { data: string; backup: string },
  { at, act, twice, maxOpenFiles }: {
    at: number;
    act: Between;
    twice: boolean;
    maxOpenFiles?: number;
  },
): Promise<Manifest | null> {
  let step = 0, isActing = false, hasActed = false;
  const between = async () => {
    if (isActing) return;
    // Twice: what is written at the first and compacted at the second may have the cut between them.
    if (step++ !== at && !(twice && step === at + 2)) return;
    isActing = hasActed = true;
    await act();
    isActing = false;
  };
  const store = new RacedStore(paths.backup, between);
  try {
    const connection = raced(await broker.connect(), between);
    const source = new SourceDirectory(paths.data, { between, maxOpenFiles });
    const { manifest } = await createBackup(connection, source, store);
    assertEquals(verifyBackup(store), []);
    return hasActed ? manifest : null;
  } finally {
    store.close();
  }
}

export async function restored(backup: string, to: string): Promise<TestBroker> {
  const store = new FileStore(backup);
  await restoreBackup(store, to, (path) => new FileStore(path));
  store.close();
  return await TestBroker.start({ path: to, flush: "os", groups: { offsetsPartitions: 1 } });
}

/** Runs `check` on the backup taken with `act` at each step, as long as there are steps. */
export async function atEveryStep(
  path: string,
  broker: TestBroker,
  act: (step: number) => Promise<void>,
  check: (restored: TestBroker, manifest: Manifest, step: number) => Promise<void>,
  maxOpenFiles?: number,
  twice = false,
): Promise<number> {
  for (let at = 0;; at++) {
    assert(at < 100, "the steps do not end");
    const backup = `${path}/backup-${at}`, data = `${path}/data`;
    const manifest = await backUpWith(broker, { data, backup }, {
      at,
      act: () => act(at),
      twice,
      maxOpenFiles,
    });
    if (manifest === null) return at;
    await using other = await restored(backup, `${path}/restored-${at}`);
    await check(other, manifest, at);
  }
}
