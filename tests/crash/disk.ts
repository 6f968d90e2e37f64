/**
 * Disk: a file system in an image file of our own, whose power can be cut. Needs root, losetup's `mount -o loop`,
 * mkfs.ext4 or mkfs.xfs, and xfs_io (Debian: xfsprogs), which shuts down both (EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN).
 *
 * After the cut nothing reaches the image any more: what was not written back is gone. The file system's own journal is
 * lost with it, or written out last: then names and sizes may be there whose bytes are not.
 */
import type { Random } from "../random.ts";
import { bash } from "./tally.ts";

export class Disk {
  readonly #image: string;
  readonly #fs: "ext4" | "xfs";
  #isMounted = false;

  private constructor(folder: string, fs: "ext4" | "xfs", readonly path: string) {
    this.#image = `${folder}/image`;
    this.#fs = fs;
  }

  /** Makes it in `folder`, and mounts it. */
  static async make(folder: string, fs: "ext4" | "xfs"): Promise<Disk> {
    const disk = new Disk(folder, fs, `${folder}/disk`);
    await Deno.mkdir(disk.path);
    await bash(`truncate -s ${IMAGE_BYTES} ${disk.#image}`);
    await bash(`mkfs.${fs} -q ${fs === "ext4" ? "-F" : "-f"} ${disk.#image}`);
    await disk.mount();
    return disk;
  }

  async mount(): Promise<void> {
    await bash(`mount -o loop ${this.#image} ${this.path}`);
    this.#isMounted = true;
  }

  /** Whoever has files open there must be gone; the kernel closes them when it comes to it. */
  async unmount(): Promise<void> {
    if (!this.#isMounted) return;
    await bash(`for i in {1..100}; do umount ${this.path} && exit; sleep 0.1; done; exit 1`);
    this.#isMounted = false;
  }

  /** From now on nothing reaches the image. */
  async cut(journal: "lost" | "flushed"): Promise<void> {
    await bash(`xfs_io -x -c "shutdown ${journal === "flushed" ? "-f" : ""}" ${this.path}`);
  }

  /** Writes back the pages of some files, as a kernel short of memory does: later bytes then survive earlier ones. */
  async writeBackSome(random: Random): Promise<void> {
    const files = [...logFiles(`${this.path}/data`)];
    for (let i = random.below(4); i > 0 && files.length > 0; i--) {
      // It may have been deleted meanwhile.
      await bash(`xfs_io -c "sync_range -w 0 0" ${random.pick(files)} || true`);
    }
  }

  /** Checks it: what a cut leaves must be sound for the file system itself, or nothing said of a broker on it counts. */
  async check(): Promise<void> {
    // Mounting has replayed the journal.
    await bash(this.#fs === "ext4" ? `e2fsck -fn ${this.#image}` : `xfs_repair -n ${this.#image}`);
  }
}

function* logFiles(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    if (!entry.isDirectory) continue;
    for (const name of namesIn(`${folder}/${entry.name}`)) {
      if (name.endsWith(".log")) yield `${folder}/${entry.name}/${name}`;
    }
  }
}

/** None when the broker has just renamed the folder. */
function namesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

const IMAGE_BYTES = 4 * 2 ** 30;
