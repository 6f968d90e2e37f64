/**
 * X500Name: the name in a certificate as text (RFC 2253), letter for letter as Java's X500Principal.getName() has it,
 * which is what Kafka's principals and the rules of ssl.principal.mapping.rules were written for.
 *
 * The last attribute comes first. What stands within a value and would mean something to a reader is escaped, so that no
 * value can look like another attribute. An attribute without a keyword in RFC 2253, emailAddress among them, is its OID
 * and the hex of its DER. Values are read as UTF-8 whatever kind of string they are, as Java does.
 */
import {
  DerError,
  type DerValue,
  derValues,
  derWithin,
  OBJECT_ID,
  oidText,
  SEQUENCE,
  SET,
} from "./der.ts";

/** The text of a Name in DER. Throws DerError where it is none. */
export function x500NameText(name: Uint8Array): string {
  const [whole] = derValues(name);
  return derWithin(whole, SEQUENCE).map(relativeText).reverse().join(",");
}

/** One step of the name; it may have several attributes. */
function relativeText(relative: DerValue): string {
  const attributes = derWithin(relative, SET);
  if (attributes.length === 0) throw new DerError("a relative name without attributes");
  return attributes.map(attributeText).join("+");
}

function attributeText(attribute: DerValue): string {
  const [type, value] = derWithin(attribute, SEQUENCE);
  if (type?.tag !== OBJECT_ID || value === undefined) {
    throw new DerError("an attribute without a type or a value");
  }
  const oid = oidText(type.content), keyword = KEYWORDS.get(oid);
  return keyword !== undefined && STRINGS.has(value.tag)
    ? `${keyword}=${escaped(UTF8.decode(value.content))}`
    : `${keyword ?? oid}=#${hex(value.whole)}`;
}

const KEYWORDS: ReadonlyMap<string, string> = new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.9", "STREET"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["0.9.2342.19200300.100.1.25", "DC"],
  ["0.9.2342.19200300.100.1.1", "UID"],
]);

/** UTF8String, PrintableString, T61String, IA5String, GeneralString, BMPString. */
const STRINGS: ReadonlySet<number> = new Set([0x0c, 0x13, 0x14, 0x16, 0x1b, 0x1e]);
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

function escaped(text: string): string {
  const plain = text.replace(/[,=+<>#;"\\]/g, "\\$&").replaceAll("\0", "\\00");
  return plain.replace(/^[ \r]+|[ \r]+$/g, (blanks) => blanks.replace(/[^]/g, "\\$&"));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
