/**
 * ClientMatch: the `match` of a client metrics subscription: "client_id=app.*,client_software_name=.*". Each pattern
 * must match the whole of what it names (KIP-714).
 *
 * Patterns come from administrators and run over text that clients choose, so they run on re2, in linear time.
 */
import { RE2JS } from "re2js";
import { patternSize } from "./pattern_size.ts";

/** What a client can be told by. */
const CLIENT_FIELDS = [
  "client_instance_id",
  "client_id",
  "client_software_name",
  "client_software_version",
  "client_source_address",
  "client_source_port",
] as const;

export type ClientFacts = Readonly<Record<typeof CLIENT_FIELDS[number], string>>;

/** Whether a client matches. */
export type ClientMatch = (client: ClientFacts) => boolean;

const MAX_PATTERN_LENGTH = 1000;
/** With its repetitions written out: each client that asks is looked at by all of it. */
const MAX_PATTERN_SIZE = 5000;

/** The compiled match; a string says what is wrong with it, in Kafka's words. Empty matches every client. */
export function parseClientMatch(text: string): ClientMatch | string {
  const patterns: { readonly field: keyof ClientFacts; readonly pattern: RE2JS }[] = [];
  for (const part of text === "" ? [] : text.split(",")) {
    const illegal = `Illegal client matching pattern: ${part}`;
    const at = part.indexOf("=");
    const field = CLIENT_FIELDS.find((name) => name === part.slice(0, at).trim());
    const pattern = part.slice(at + 1).trim();
    if (at < 0 || field === undefined || pattern === "" || part.length > MAX_PATTERN_LENGTH) {
      return illegal;
    }
    if (patternSize(pattern) > MAX_PATTERN_SIZE) return illegal;
    try {
      patterns.push({ field, pattern: RE2JS.compile(pattern) });
    } catch {
      return illegal;
    }
  }
  return (client) => patterns.every(({ field, pattern }) => pattern.matches(client[field]));
}
