/**
 * Issuing certificates: an authority of one's own, and what it signs for a server, in PEM. For a first configuration, where
 * there is no authority yet; what signs is never part of a broker that serves. Keys are P-256.
 */
import "reflect-metadata"; // which the library asks for, before it is loaded
import * as x509 from "@peculiar/x509";

/** A certificate with its key (PKCS#8), in PEM, each ended by a line feed. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
  readonly notAfterMs: number;
}

export interface Validity {
  /** The wall clock. */
  readonly nowMs: number;
  readonly days: number;
}

/** Signs itself, and may sign servers and clients, but no authority below it. */
export async function newAuthority(name: string, validity: Validity): Promise<Issued> {
  const keys = await newKeys(), times = timesOf(validity);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name,
    ...times,
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return await issued(certificate, keys);
}

/**
 * Good for these host names and IP addresses, the first of which names it, and no longer than its authority. Throws an
 * Error where `authority` is none that this made.
 */
export async function newServerCertificate(
  authority: Pick<Issued, "certificate" | "key">,
  { hosts, validity }: { readonly hosts: readonly string[]; readonly validity: Validity },
): Promise<Issued> {
  const signer = new x509.X509Certificate(authority.certificate);
  const signingKey = await keyOf(authority.key), keys = await newKeys();
  const { notBefore, notAfter } = timesOf(validity);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [hosts[0].slice(0, MAX_COMMON_NAME)] }],
    issuer: signer.subjectName.toJSON(),
    notBefore,
    notAfter: new Date(Math.min(notAfter.getTime(), signer.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      alternativeNames(hosts),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey),
    ],
  });
  if (!await certificate.verify({ publicKey: signer.publicKey, signatureOnly: true })) {
    throw new Error("the authority's key is not that of its certificate");
  }
  return await issued(certificate, keys);
}

/** The host names and IP addresses that a certificate (PEM) is good for. Throws an Error where it cannot be read. */
export function hostsOf(certificate: string): string[] {
  const found = new x509.X509Certificate(certificate)
    .getExtension(x509.SubjectAlternativeNameExtension);
  return (found?.names.toJSON() ?? []).map(({ value }) => value);
}

function alternativeNames(hosts: readonly string[]): x509.Extension {
  return new x509.SubjectAlternativeNameExtension(
    hosts.map((value): x509.JsonGeneralName => (
      { type: /^[\d.]+$|:/.test(value) ? "ip" : "dns", value }
    )),
  );
}

async function newKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as CryptoKeyPair;
}

async function issued(
  certificate: x509.X509Certificate,
  { privateKey }: CryptoKeyPair,
): Promise<Issued> {
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", privateKey);
  return {
    certificate: `${certificate.toString("pem")}\n`,
    key: `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`,
    notAfterMs: certificate.notAfter.getTime(),
  };
}

/** A positive number of 124 bits. */
function newSerial(): string {
  const hex = crypto.randomUUID().replaceAll("-", "");
  return `0${hex.slice(1)}`;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

async function keyOf(pem: string): Promise<CryptoKey> {
  const pkcs8 = x509.PemConverter.decodeFirst(pem);
  return await crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, false, ["sign"]);
}

/** From an hour ago on, for clients whose clocks are late. */
function timesOf({ nowMs, days }: Validity): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(nowMs - HOUR_MS), notAfter: new Date(nowMs + days * 24 * HOUR_MS) };
}

const HOUR_MS = 3_600_000;
/** Characters that X.520 allows; what matters is among the alternative names, in full. */
const MAX_COMMON_NAME = 64;
