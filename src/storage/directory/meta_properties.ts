/**
 * MetaProperties: the file `meta.properties`, which says whose directory this is. Kafka and Runnel both refuse a
 * directory of another node or cluster: its logs would be taken for strays and moved away.
 *
 *     #crc32c=5d3a1c07
 *     version=1
 *     cluster.id=UO8bdHv4RAySJan_JY3lrw
 *     node.id=0
 *     directory.id=3H17zCOgUQb0UZnvcuxt5w
 *
 * It is a Java properties file: "#" and "!" begin comments, "\" escapes. The first line is Runnel's, a comment to Kafka:
 * the checksum of all bytes behind it, since a cluster id with a bit flipped is another one that looks as good. A file
 * without it is Kafka's, and not checked.
 */
import { crc32c } from "../../bytes/crc32c.ts";
import { parseUuid, randomUuid, type Uuid } from "../../bytes/uuid.ts";
import { mustBeFree } from "./first_start.ts";
import type { Store } from "../store.ts";

export interface MetaProperties {
  /** Any text that Kafka was given; 22 characters of base64url unless somebody chose another. */
  readonly clusterId: string;
  readonly nodeId: number;
  readonly directoryId: Uuid;
}

/** The directory is not this broker's, or its meta.properties cannot be read. */
export class MetaPropertiesError extends Error {
  override readonly name = "MetaPropertiesError";
  /** For people, as it is. */
  readonly kind = "refused";
}

/** Who has it has a directory of Kafka or Runnel. */
export const META_PROPERTIES = "meta.properties";

/**
 * Reads the file, or creates it with new ids in a directory that is free. Throws MetaPropertiesError for a directory of
 * another node or cluster and for a file that is damaged: ids are never made anew where something already bears them.
 */
export async function openMetaProperties(
  store: Store,
  expected: { nodeId: number; clusterId?: string },
  newId: () => Uuid = randomUuid,
): Promise<MetaProperties> {
  const bytes = store.readAll(META_PROPERTIES);
  if (bytes === null) mustBeFree(store);
  const found = bytes === null
    ? new Map<string, string>()
    : parseProperties(new TextDecoder().decode(bytes));
  const where = `${store.name}/${META_PROPERTIES}`;
  if (bytes !== null) {
    checkSum(where, bytes);
    check(where, found, expected);
  }
  const directoryId = found.get("directory.id");
  if (bytes !== null && directoryId === undefined && isInUse(store)) {
    throw new MetaPropertiesError(
      `${where} has no directory.id, but the directory is in use: ${RESTORE}`,
    );
  }
  const meta: MetaProperties = {
    clusterId: found.get("cluster.id") ?? expected.clusterId ?? newId(),
    nodeId: expected.nodeId,
    directoryId: directoryId === undefined ? newId() : directoryIdIn(where, directoryId),
  };
  if (directoryId === undefined) await store.replace(META_PROPERTIES, format(meta));
  return meta;
}

function checkSum(where: string, bytes: Uint8Array): void {
  const problem = checksumProblem(bytes);
  if (problem === null) return;
  throw new MetaPropertiesError(
    `${where} is damaged: ${problem}. Restore it from a backup; ` +
      "if it was changed on purpose, remove its first line",
  );
}

/** In words, when the first line is a checksum and another than that of what follows. */
export function checksumProblem(bytes: Uint8Array): string | null {
  const match = /^#crc32c=([0-9a-f]{8})\n/.exec(new TextDecoder().decode(bytes.subarray(0, 32)));
  if (match === null) return null;
  const sum = sumOf(bytes.subarray(match[0].length));
  return sum === match[1] ? null : `its checksum is ${sum}, and its first line says ${match[1]}`;
}

function sumOf(bytes: Uint8Array): string {
  return crc32c(bytes).toString(16).padStart(8, "0");
}

/** Only a directory that an older Kafka formatted and nobody used gets its directory id from us. */
function isInUse(store: Store): boolean {
  return store.list("__cluster_metadata-0").length > 0;
}

function check(
  where: string,
  found: ReadonlyMap<string, string>,
  expected: { nodeId: number; clusterId?: string },
): void {
  const version = found.get("version"),
    nodeId = found.get("node.id"),
    clusterId = found.get("cluster.id");
  if (found.size === 0) {
    throw new MetaPropertiesError(`${where} is empty, and says whose the directory is: ${RESTORE}`);
  }
  if (version === undefined) {
    throw new MetaPropertiesError(`${where} has no version, needs version=1: ${RESTORE}`);
  }
  if (version !== "1") {
    throw new MetaPropertiesError(
      `${where} has version=${shown(version)}, needs version=1: ` +
        `${RESTORE}, or choose another directory with --storage-path`,
    );
  }
  if (nodeId === undefined) {
    throw new MetaPropertiesError(
      `${where} has no node.id, needs node.id=${expected.nodeId}: ${RESTORE}`,
    );
  }
  if (nodeId !== String(expected.nodeId)) {
    const isNumber = /^\d{1,10}$/.test(nodeId);
    throw new MetaPropertiesError(
      `${where} has node.id=${shown(nodeId)}, but this broker is node ${expected.nodeId}: ` +
        (isNumber ? `start it with --node-id=${nodeId}` : RESTORE) +
        ", or choose another directory with --storage-path",
    );
  }
  if (clusterId === undefined) {
    throw new MetaPropertiesError(
      `${where} has no cluster.id, which names the cluster: ${RESTORE}`,
    );
  }
  if (expected.clusterId !== undefined && clusterId !== expected.clusterId) {
    throw new MetaPropertiesError(
      `${where} has cluster.id=${
        shown(clusterId)
      }, but this broker belongs to cluster ${expected.clusterId}: use a directory of this cluster`,
    );
  }
}

const RESTORE = "restore the file from a backup";

/** A value of a damaged file may be anything. */
function shown(value: string): string {
  return value.length <= SHOWN_LENGTH ? value : `${value.slice(0, SHOWN_LENGTH)}…`;
}

const SHOWN_LENGTH = 60;

function directoryIdIn(where: string, text: string): Uuid {
  const id = parseUuid(text);
  if (id === null) {
    throw new MetaPropertiesError(
      `${where} has directory.id=${shown(text)}, needs 22 characters of base64url: ${RESTORE}`,
    );
  }
  return id;
}

function format(meta: MetaProperties): Uint8Array {
  const lines = [
    ["version", "1"],
    ["cluster.id", meta.clusterId],
    ["node.id", String(meta.nodeId)],
    ["directory.id", meta.directoryId],
  ].map(([key, value]) => `${key}=${escape(value)}\n`);
  const text = new TextEncoder().encode(lines.join(""));
  const comment = new TextEncoder().encode(`#crc32c=${sumOf(text)}\n`);
  const file = new Uint8Array(comment.length + text.length);
  file.set(comment);
  file.set(text, comment.length);
  return file;
}

/** The keys and values of a Java properties file. */
export function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  // A line that ends in an odd number of backslashes goes on in the next, whose leading blanks do not count.
  const joined = text.replace(/\r\n?/g, "\n").replace(/(?<!\\)((?:\\\\)*)\\\n[ \t\f]*/g, "$1");
  for (const line of joined.split("\n")) {
    const match = /^[ \t\f]*((?:[^\s\\=:]|\\.)*)(?:[ \t\f]*[=:]|[ \t\f])?[ \t\f]*(.*)$/s.exec(line);
    if (match === null || /^[ \t\f]*([#!]|$)/.test(line)) continue;
    properties.set(unescape(match[1]), unescape(match[2]));
  }
  return properties;
}

function unescape(text: string): string {
  return text.replace(
    /\\(?:u([0-9a-fA-F]{4})|(.))/gs,
    (_, code: string | undefined, character: string) => {
      if (code !== undefined) return String.fromCharCode(parseInt(code, 16));
      return { n: "\n", r: "\r", t: "\t", f: "\f" }[character] ?? character;
    },
  );
}

function escape(value: string): string {
  return value
    .replace(/[\\=:#!]/g, "\\$&")
    .replace(/^ /, "\\ ")
    .replace(
      /[^\x20-\x7e]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
    );
}
