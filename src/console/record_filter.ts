/** RecordFilter: which records are meant; all that is asked for has to hold. Nothing in it is ever run as code. */
import { Buffer } from "node:buffer";
import type { LogRecord } from "../protocol/records/record.ts";
import { LIMITS, type RecordsAnswer } from "./api.ts";
import type { BatchFacts } from "./record_row.ts";
import { jsonPathOf, lengthFor, MAX_JSON_BYTES, patternOf } from "./json_path.ts";
import type { Call } from "./route.ts";
import type { Shape } from "./shape.ts";

export type RecordFilter = (record: LogRecord, facts: Pick<BatchFacts, "partition">) => boolean;

const text = (doc: string): Shape => ({ type: "string", maxLength: LIMITS.maxFilterLength, doc });

export const filterQuery = {
  key: text("The key has this text."),
  value: text("The value has this text."),
  header: text('A header: "name" (there is one), or "name=text" (its value has the text).'),
  text: text("The key, the value or a header's value has this text."),
  regex: text(
    `RE2 over the first ${64} KiB of the value; less by a pattern of more than 48 steps.`,
  ),
  jsonpath: text(
    `JSONPath (RFC 9535) over the value: something is there. Values over ${MAX_JSON_BYTES} bytes never fit, and are among the problems.`,
  ),
} satisfies Record<string, Shape>;

/** Null: every record fits. Throws ApiFailure for what cannot be looked for. */
export function recordFilterOf(
  { query }: Pick<Call, "query">,
  onProblem: (problem: RecordsAnswer["problems"][number]) => void = () => {},
): RecordFilter | null {
  const filters: RecordFilter[] = [];
  const asked = (name: keyof typeof filterQuery) => query[name] as string | undefined;
  const key = asked("key"), value = asked("value"), header = asked("header");
  const anywhere = asked("text"), regex = asked("regex"), path = asked("jsonpath");
  if (key !== undefined) filters.push(hasIn("key", key));
  if (value !== undefined) filters.push(hasIn("value", value));
  if (header !== undefined) filters.push(hasHeader(header));
  if (anywhere !== undefined) {
    const wanted = Buffer.from(anywhere);
    filters.push(({ key, value, headers }) =>
      has(key, wanted) || has(value, wanted) || headers.some((one) => has(one.value, wanted))
    );
  }
  if (regex !== undefined) {
    const pattern = patternOf(regex, "regex"), most = Math.min(MAX_REGEX_BYTES, lengthFor(pattern));
    filters.push(({ value, offset }, { partition }) => {
      if (value === null) return false;
      if (pattern.matcher(LENIENT.decode(value.subarray(0, most))).find()) return true;
      if (most < Math.min(value.length, MAX_REGEX_BYTES)) {
        const reason = `of its value so large a pattern looks at the first ${most} bytes alone`;
        onProblem({ partition, offset, reason });
      }
      return false;
    });
  }
  if (path !== undefined) {
    const isThere = jsonPathOf(path);
    filters.push(({ value, offset }, { partition }) => {
      if (value === null) return false;
      const found = value.length <= MAX_JSON_BYTES ? isThere(LENIENT.decode(value)) : "too large";
      if (typeof found === "boolean") return found;
      const reason = found === "too large"
        ? `its value of ${value.length} bytes is too large for a JSON path`
        : "its value costs too much to look at by this JSON path";
      onProblem({ partition, offset, reason });
      return false;
    });
  }
  return filters.length === 0
    ? null
    : (record, facts) => filters.every((filter) => filter(record, facts));
}

const MAX_REGEX_BYTES = 64 * 1024;
const LENIENT = new TextDecoder();

function hasIn(part: "key" | "value", text: string): RecordFilter {
  const wanted = Buffer.from(text);
  return (record) => has(record[part], wanted);
}

function hasHeader(text: string): RecordFilter {
  const at = text.indexOf("=");
  if (at < 0) return ({ headers }) => headers.some(({ key }) => key === text);
  const name = text.slice(0, at), wanted = Buffer.from(text.slice(at + 1));
  return ({ headers }) => headers.some(({ key, value }) => key === name && has(value, wanted));
}

function has(bytes: Uint8Array | null, wanted: Buffer): boolean {
  if (bytes === null) return false;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(wanted);
}
