/**
 * Produce line: a `runnel produce` command that sends a record once more, for a shell of any kind (POSIX), quoted so
 * that nothing in it is evaluated, is a flag, or steers the terminal it is pasted into. What flags cannot say (bytes that
 * are no text, ends of lines, nulls) goes as the JSON that `produce --json` takes. The key alone says where it goes, and
 * its time is when it is sent.
 */
import type { Bytes, RecordRow } from "../../api.ts";
import { isPlain, plainJson } from "./visible.ts";

export type Sent = Pick<RecordRow, "key" | "value" | "headers" | "headersLeftOut">;

/** null: a part of the record is not at hand, so that the command would send another one. */
export function produceLine(topic: string, record: Sent): string | null {
  const { key, value, headers, headersLeftOut } = record;
  const all = [key, value, ...headers.map((header) => header.value)];
  if (headersLeftOut > 0 || all.some((one) => one?.isCut)) return null;
  const words = flagsOf(topic, record);
  if (words !== null) return words.map(quoted).join(" ");
  const json = plainJson({
    key: jsonBytes(key),
    value: jsonBytes(value),
    headers: headers.map((header) => ({ key: header.key, value: jsonBytes(header.value) })),
  });
  return `printf '%s\\n' ${quoted(json)} | runnel produce ${
    jsonWords(topic).map(quoted).join(" ")
  }`;
}

function jsonWords(topic: string): string[] {
  return topic.startsWith("-") ? ["--json", "--", topic] : [topic, "--json"];
}

/** null where flags cannot say it. */
function flagsOf(topic: string, { key, value, headers }: Sent): string[] | null {
  const flags: string[] = [];
  if (key !== null) flags.push(`--key=${plain(key)}`);
  if (value !== null) flags.push(`--value=${plain(value)}`);
  else if (key !== null) flags.push("--tombstone");
  else return null;
  for (const header of headers) {
    if (header.key.includes("=") || header.key === "" || !isPlain(header.key)) return null;
    flags.push(`--header=${header.key}${header.value === null ? "" : `=${plain(header.value)}`}`);
    if (header.value !== null && plain(header.value) === null) return null;
  }
  if ([key, value].some((one) => one !== null && plain(one) === null)) return null;
  if (flags.join("").length > MAX_FLAGS_LENGTH) return null;
  return topic.startsWith("-")
    ? ["runnel", "produce", ...flags, "--", topic]
    : ["runnel", "produce", topic, ...flags];
}

/** null: it cannot stand in a flag. */
function plain({ encoding, text }: Bytes): string | null {
  return encoding === "utf8" && isPlain(text) ? text : null;
}

function jsonBytes(given: Bytes | null): unknown {
  if (given === null) return null;
  return given.encoding === "utf8" ? given.text : { base64: given.text };
}

/** A word of a shell. */
function quoted(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Systems bound the words of a command: longer ones go through the pipe. */
const MAX_FLAGS_LENGTH = 8000;
