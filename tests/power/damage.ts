/** damage(): one thing done to one file of a directory, as disks and people do it. */
import type { Files } from "./files.ts";
import type { Random } from "./load.ts";

export interface Damaged {
  readonly files: Files;
  readonly path: string;
  readonly what: string;
}

const PAGE = 4096;

/** `older`: the directory as it once was, from which a file may come back. */
export function damage(files: Files, older: Files, random: Random): Damaged {
  const damaged = new Map(files);
  // Each kind of file is as likely as the other.
  const kinds = new Map<string, string[]>();
  for (const [path, bytes] of files) {
    if (bytes === null || bytes.length === 0 || path === ".lock") continue;
    const folder = path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
    const kind = `${folder.replace(/-\d+$/, "")}:${
      path.replace(/^.*\//, "").replaceAll(/[0-9a-f-]{8,}|\d+/g, "")
    }`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), path]);
  }
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)];
  const path = pick(pick([...kinds.values()])), bytes = files.get(path)!.slice();
  const { length } = bytes, at = Math.floor(random() * length);
  const set = (what: string, now: Uint8Array): Damaged => {
    damaged.set(path, now);
    return { files: damaged, path, what };
  };
  switch (Math.floor(random() * 10)) {
    case 0:
    case 1:
    case 2:
      bytes[at] ^= 1 << Math.floor(random() * 8);
      return set(`bit at ${at} of ${length}`, bytes);
    case 3:
      return set(`cut at ${at} of ${length}`, bytes.slice(0, at));
    case 4: {
      const size = random() < 0.5 ? 512 : PAGE, from = at - at % size;
      bytes.fill(0, from, from + size);
      return set(`zeros of ${size} at ${from} of ${length}`, bytes);
    }
    case 5: {
      const size = length > 2 * PAGE ? PAGE : 512, pages = Math.ceil(length / size);
      const from = Math.floor(random() * pages) * size, to = Math.floor(random() * pages) * size;
      bytes.set(bytes.slice(from, Math.min(from + size, length - Math.max(0, to - from))), to);
      return set(`${size} at ${from} once more at ${to} of ${length}`, bytes.slice(0, length));
    }
    case 6: {
      const more = new Uint8Array(length + 1 + Math.floor(random() * 5000));
      more.set(bytes);
      if (random() < 0.5) { for (let i = length; i < more.length; i++) more[i] = random() * 256; }
      return set(`${more.length - length} bytes more behind ${length}`, more);
    }
    case 7:
      damaged.delete(path);
      return { files: damaged, path, what: "removed" };
    case 8: {
      const before = older.get(path);
      if (before && before.length > 0) {
        return set(`as it was with ${before.length} of ${length}`, before);
      }
      bytes[at] ^= 0xff;
      return set(`byte at ${at} of ${length}`, bytes);
    }
    default: {
      // What a lost write leaves: a page as it was in an older state, or a byte range moved by one.
      const from = Math.floor(random() * length),
        to = Math.min(length, from + 1 + Math.floor(random() * 200));
      const without = new Uint8Array(length - (to - from));
      without.set(bytes.subarray(0, from));
      without.set(bytes.subarray(to), from);
      return set(`without ${from}..${to} of ${length}`, without);
    }
  }
}
