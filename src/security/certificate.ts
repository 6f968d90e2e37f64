/**
 * Certificate: what has to be known of a client's certificate besides that its chain is good (RFC 5280, 4.1). It is read
 * from the very bytes that were verified.
 *
 *     Certificate  ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature }
 *     tbsCertificate ::= SEQUENCE { [0] version, serialNumber, signature, issuer, validity, subject, key,
 *                                   [1] issuerUniqueId, [2] subjectUniqueId, [3] extensions }
 */
import {
  BOOLEAN,
  DerError,
  type DerValue,
  derValues,
  derWithin,
  OBJECT_ID,
  OCTET_STRING,
  oidText,
  SEQUENCE,
} from "./der.ts";

export interface CertificateFacts {
  /** The Name, in DER. */
  readonly subject: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Whether it may sign others. */
  readonly isCa: boolean;
  /** What it is for, by OID; null where it does not say. */
  readonly purposes: readonly string[] | null;
}

/** Throws DerError where the bytes are no certificate. */
export function certificateFacts(der: Uint8Array): CertificateFacts {
  const [whole] = derValues(der);
  const [tbs] = derWithin(whole, SEQUENCE);
  const fields = derWithin(tbs, SEQUENCE);
  if (fields[0]?.tag === VERSION) fields.shift();
  const [, , , validity, subject] = fields;
  const [notBefore, notAfter] = derWithin(validity, SEQUENCE);
  if (subject?.tag !== SEQUENCE) throw new DerError("a certificate without a subject");
  const extensions = extensionsOf(fields.find(({ tag }) => tag === EXTENSIONS));
  return {
    subject: subject.whole,
    notBeforeMs: timeOf(notBefore),
    notAfterMs: timeOf(notAfter),
    isCa: isCa(extensions.get(BASIC_CONSTRAINTS)),
    purposes: purposesOf(extensions.get(EXTENDED_KEY_USAGE)),
  };
}

const VERSION = 0xa0, EXTENSIONS = 0xa3, UTC_TIME = 0x17, GENERALIZED_TIME = 0x18;
const BASIC_CONSTRAINTS = "2.5.29.19", EXTENDED_KEY_USAGE = "2.5.29.37";

/** The value of each extension, by its OID. */
function extensionsOf(field: DerValue | undefined): Map<string, Uint8Array> {
  const map = new Map<string, Uint8Array>();
  if (field === undefined) return map;
  const [list] = derValues(field.content);
  for (const extension of derWithin(list, SEQUENCE)) {
    const parts = derWithin(extension, SEQUENCE), value = parts.at(-1);
    if (parts[0]?.tag !== OBJECT_ID || value?.tag !== OCTET_STRING) {
      throw new DerError("an extension without a name or a value");
    }
    const oid = oidText(parts[0].content);
    if (map.has(oid)) throw new DerError(`the extension ${oid} twice`);
    map.set(oid, value.content);
  }
  return map;
}

function isCa(extension: Uint8Array | undefined): boolean {
  if (extension === undefined) return false;
  const [constraints] = derValues(extension);
  const [first] = derWithin(constraints, SEQUENCE);
  return first?.tag === BOOLEAN && first.content[0] !== 0;
}

function purposesOf(extension: Uint8Array | undefined): string[] | null {
  if (extension === undefined) return null;
  const [purposes] = derValues(extension);
  return derWithin(purposes, SEQUENCE).map(({ content }) => oidText(content));
}

/** "YYMMDDHHMMSSZ" to 2049, "YYYYMMDDHHMMSSZ" after. */
function timeOf(value: DerValue | undefined): number {
  const text = String.fromCharCode(...value?.content ?? []);
  const match = value?.tag === UTC_TIME
    ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)
    : value?.tag === GENERALIZED_TIME
    ? /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)
    : null;
  if (match === null) throw new DerError(`a time ${JSON.stringify(text)} that is none`);
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  const century = match[1].length === 4 ? 0 : year < 50 ? 2000 : 1900;
  return Date.UTC(century + year, month - 1, day, hour, minute, second);
}
