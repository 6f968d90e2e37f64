/**
 * LastTime: the wall time that was confirmed last, written down for the next start in `runnel-clock` in the root of the data
 * directory. Kafka ignores it. A start under a wall clock that is far ahead of it deletes nothing until that is confirmed
 * (clock/trusted_time.ts).
 *
 *     runnel-clock 1
 *     confirmed 1700000000000
 *     ahead 2592000000 stood 36000000
 *     crc 9f8e7d6c
 */
import { crc32c } from "../../bytes/crc32c.ts";
import type { RememberedTime } from "../../clock/trusted_time.ts";
import type { Store } from "../store.ts";

export const LAST_TIME_FILE = "runnel-clock";

/** What a directory says, why that cannot be used, or null when it says nothing. */
export function readLastTime(store: Store): RememberedTime | string | null {
  const bytes = store.readAll(LAST_TIME_FILE);
  if (bytes === null) return null;
  const text = new TextDecoder("latin1").decode(bytes);
  const match = FORM.exec(text);
  if (match === null) return `is of no use: it is ${shown(text)}`;
  const [, body, confirmed, ahead, stood, crc] = match;
  const expected = crcOf(body);
  if (crc !== expected) {
    return `is of no use: its checksum is ${crc}, needs ${expected}`;
  }
  return { confirmedMs: Number(confirmed), aheadMs: Number(ahead), stoodMs: Number(stood) };
}

export function writeLastTime(store: Store, time: RememberedTime): Promise<void> {
  const { confirmedMs, aheadMs, stoodMs } = time;
  const body = `runnel-clock 1\nconfirmed ${confirmedMs}\nahead ${aheadMs} stood ${stoodMs}\n`;
  return store.replace(LAST_TIME_FILE, new TextEncoder().encode(`${body}crc ${crcOf(body)}\n`));
}

const FORM =
  /^(runnel-clock 1\nconfirmed (\d{1,15})\nahead (\d{1,15}) stood (\d{1,15})\n)crc ([0-9a-f]{8})\n$/;

function crcOf(body: string): string {
  return crc32c(new TextEncoder().encode(body)).toString(16).padStart(8, "0");
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? text.slice(0, 80) + "…" : text);
}
