/**
 * Shortages: what a machine may run out of, begun and ended at will.
 *
 * | name | what is gone | how |
 * |---|---|---|
 * | descriptors | file descriptors, at a limit of 200, 1,024 or the machine's | idle clients until no more are accepted |
 * | disk full | the last byte of the file system | a file that takes all of it |
 * | disk floor | what `storage.min_free_bytes` keeps | a file that takes all but half of that |
 * | read-only | writing | the file system is remounted |
 * | memory | what a control group allows beyond the idle process | large requests from many clients |
 *
 * Disks and control groups need root.
 */
import { Connection } from "../../src/client/connection.ts";
import { bash } from "../crash/tally.ts";
import type { Ports } from "./service.ts";
import { bigProduce } from "./operations.ts";

export interface Shortage {
  readonly name: string;
  /** Put before the broker's command. */
  readonly wrap: string;
  readonly flags: readonly string[];
  /** Where the data directory has to lie; anywhere when null. */
  readonly path: string | null;
  /** Whether a broker can be started or stopped in it. */
  readonly outlastsBroker: boolean;
  begin(ports: Ports): Promise<void>;
  end(): Promise<void>;
  /** When nothing is to be done with it any more. */
  dispose(): Promise<void>;
}

/** Idle clients take every descriptor that the broker gives to connections. */
export class DescriptorsGone implements Shortage {
  readonly name: string;
  readonly wrap: string;
  readonly flags = [];
  readonly path = null;
  readonly outlastsBroker = false;
  readonly #most: number;
  readonly #idle: Deno.TcpConn[] = [];

  constructor(limit: number | null) {
    this.name = `descriptors (${limit ?? "the machine's limit"})`;
    this.wrap = limit === null ? "" : `ulimit -n ${limit};`;
    this.#most = limit === null ? 21_000 : limit * 2;
  }

  async begin(ports: Ports): Promise<void> {
    const to = { hostname: "127.0.0.1", port: ports.kafka };
    for (let i = 0; i < this.#most; i++) {
      try {
        this.#idle.push(await Deno.connect(to));
      } catch {
        break; // our own limit, or the kernel's queue is full
      }
    }
    for (const conn of this.#idle.splice(-OWN)) closed(conn); // this process needs some itself
  }

  end(): Promise<void> {
    for (const conn of this.#idle.splice(0)) closed(conn);
    return Promise.resolve();
  }

  dispose(): Promise<void> {
    return this.end();
  }
}

/** A file system of its own, in an image. */
abstract class OwnDisk implements Shortage {
  abstract readonly name: string;
  readonly wrap = "";
  abstract readonly flags: readonly string[];
  readonly path: string;
  readonly outlastsBroker = true;
  readonly #image: string;

  constructor(folder: string, readonly bytes: number) {
    this.#image = `${folder}/image`;
    this.path = `${folder}/disk`;
  }

  async make(): Promise<this> {
    await bash(`mkdir -p ${this.path} && truncate -s ${this.bytes} ${this.#image}`);
    await bash(`mkfs.ext4 -q -F -m 0 ${this.#image} && mount -o loop ${this.#image} ${this.path}`);
    return this;
  }

  abstract begin(): Promise<void>;
  abstract end(): Promise<void>;

  async dispose(): Promise<void> {
    await bash(`umount ${this.path} || umount -l ${this.path}`);
    await Deno.remove(this.#image);
  }
}

/** Not one byte is free, whatever is freed meanwhile. */
export class DiskFull extends OwnDisk {
  readonly name = "disk full";
  readonly flags = ["--storage-min-free-bytes=0"];
  #refill: ReturnType<typeof setInterval> | null = null;

  async begin(): Promise<void> {
    await this.#fill();
    // What retention or a deletion gives back is taken by others too, on a disk that is really full.
    this.#refill = setInterval(() => this.#fill().catch(() => {}), 500);
  }

  async end(): Promise<void> {
    if (this.#refill !== null) clearInterval(this.#refill);
    await bash(`sleep 0.3; rm -f ${this.path}/filler.*`);
  }

  async #fill(): Promise<void> {
    const file = `${this.path}/filler.${crypto.randomUUID().slice(0, 8)}`;
    await bash(`dd if=/dev/zero of=${file} bs=64k status=none 2>/dev/null || true`);
    await bash(`dd if=/dev/zero of=${file}.s bs=1k status=none 2>/dev/null || true`);
  }
}

/** Less is free than the broker keeps. */
export class DiskAtFloor extends OwnDisk {
  readonly name = "disk at the floor";
  readonly flags = [`--storage-min-free-bytes=${FLOOR_BYTES}`];

  async begin(): Promise<void> {
    await bash(
      `free=$(( $(stat -f -c %f ${this.path}) * $(stat -f -c %S ${this.path}) )); ` +
        `fallocate -l $(( free - ${FLOOR_BYTES / 2} )) ${this.path}/filler.0`,
    );
  }

  async end(): Promise<void> {
    await bash(`rm -f ${this.path}/filler.*`);
  }
}

/** Nothing can be written. Files that are open for writing stand in the way of a remount, so the kernel is made to. */
export class ReadOnly extends OwnDisk {
  readonly name = "read-only";
  readonly flags = ["--storage-min-free-bytes=0"];

  async begin(): Promise<void> {
    await bash(`mount -o remount,ro ${this.path} 2>/dev/null || chattr -R +i ${this.path}/data`);
  }

  async end(): Promise<void> {
    await bash(`mount -o remount,rw ${this.path} && (chattr -R -i ${this.path}/data || true)`);
  }
}

/** A control group that leaves little room beyond what the broker says it needs at most. */
export class LittleMemory implements Shortage {
  readonly name = "memory";
  readonly flags = [`--limits-max-buffered-bytes=${64 << 20}`];
  readonly path = null;
  readonly outlastsBroker = false;
  readonly wrap: string;
  readonly #group = `/sys/fs/cgroup/memory/runnel-starved-${Deno.pid}`;
  #connections: Connection[] = [];
  #isOver = false;
  #load: Promise<unknown> = Promise.resolve();

  constructor() {
    this.wrap = `echo $$ > ${this.#group}/cgroup.procs;`;
  }

  async make(): Promise<this> {
    await bash(
      `mkdir -p ${this.#group} && echo ${MEMORY_BYTES} > ${this.#group}/memory.limit_in_bytes`,
    );
    return this;
  }

  async begin(ports: Ports): Promise<void> {
    this.#isOver = false;
    const open = () => Connection.open({ host: "127.0.0.1", port: ports.kafka });
    this.#connections = await Promise.all(Array.from({ length: 12 }, open));
    this.#load = Promise.allSettled(this.#connections.map(async (connection) => {
      while (!this.#isOver) await bigProduce(connection, BIG_BYTES);
    }));
  }

  async end(): Promise<void> {
    this.#isOver = true;
    for (const connection of this.#connections.splice(0)) connection.close();
    await this.#load;
  }

  async dispose(): Promise<void> {
    await this.end();
    await bash(`sleep 0.5; rmdir ${this.#group} || true`);
  }
}

function closed(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // the broker was faster
  }
}

/** Descriptors that the campaign keeps. */
const OWN = 20;
const FLOOR_BYTES = 64 << 20, MEMORY_BYTES = 384 << 20, BIG_BYTES = 8 << 20;
export const DISK_BYTES = 512 << 20;
