/**
 * Certificates: authorities and what they sign, made anew for each test, so that no secret lies in the tree. Everything
 * is P-256, valid from a minute ago for a day unless a test wants it otherwise.
 */
import "reflect-metadata"; // which the library asks for, before it is loaded
import * as x509 from "@peculiar/x509";

export interface CertificateWish {
  /** RFC 2253, or attributes in the order they are to be encoded in. */
  readonly name?: x509.JsonName | string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Whether it may sign others; null leaves the extension out. */
  readonly isCa?: boolean | null;
  /** Purposes by their OIDs; null leaves the extension out. */
  readonly purposes?: readonly string[] | null;
  /** Host names and IP addresses that it is good for. */
  readonly hosts?: readonly string[];
}

/** A certificate with its key, in PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
  readonly der: Uint8Array;
}

export const SERVER_AUTH: string = x509.ExtendedKeyUsage.serverAuth;
export const CLIENT_AUTH: string = x509.ExtendedKeyUsage.clientAuth;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const HOUR_MS = 3_600_000;

export class Authority {
  readonly certificate: string;
  readonly key: string;
  readonly #certificate: x509.X509Certificate;
  readonly #keys: CryptoKeyPair;

  private constructor(certificate: x509.X509Certificate, keys: CryptoKeyPair, key: string) {
    this.certificate = pem(certificate);
    this.key = key;
    this.#certificate = certificate;
    this.#keys = keys;
  }

  static async make(name = "CN=Test CA"): Promise<Authority> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: newSerial(),
      name,
      ...times({}),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
    });
    return new Authority(certificate, keys, await pemOfKey(keys));
  }

  /** By default good for a server at localhost and 127.0.0.1, and for a client. */
  async issue(wish: CertificateWish = {}): Promise<Issued> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: newSerial(),
      subject: wish.name ?? "CN=localhost",
      issuer: this.#certificate.subjectName.toJSON(),
      ...times(wish),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: extensionsOf(wish),
    });
    const der = new Uint8Array(certificate.rawData);
    return { certificate: pem(certificate), key: await pemOfKey(keys), der };
  }

  /** An authority below this one. */
  async delegate(name = "CN=Test Intermediate"): Promise<Authority> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: newSerial(),
      subject: name,
      issuer: this.#certificate.subjectName.toJSON(),
      ...times({}),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
    });
    return new Authority(certificate, keys, await pemOfKey(keys));
  }
}

/** One that signed itself: no authority is behind it. */
export async function selfSigned(wish: CertificateWish = {}): Promise<Issued> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: wish.name ?? "CN=localhost",
    ...times(wish),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: extensionsOf(wish),
  });
  const der = new Uint8Array(certificate.rawData);
  return { certificate: pem(certificate), key: await pemOfKey(keys), der };
}

function times({ notBefore, notAfter }: CertificateWish) {
  return {
    notBefore: notBefore ?? new Date(Date.now() - HOUR_MS),
    notAfter: notAfter ?? new Date(Date.now() + 24 * HOUR_MS),
  };
}

function extensionsOf(wish: CertificateWish): x509.Extension[] {
  const { isCa = false, purposes = [SERVER_AUTH, CLIENT_AUTH] } = wish;
  const { hosts = ["localhost", "127.0.0.1"] } = wish;
  const extensions: x509.Extension[] = [];
  if (isCa !== null) extensions.push(new x509.BasicConstraintsExtension(isCa, undefined, true));
  if (purposes !== null) extensions.push(new x509.ExtendedKeyUsageExtension([...purposes]));
  if (hosts.length > 0) {
    extensions.push(
      new x509.SubjectAlternativeNameExtension(
        hosts.map((value): x509.JsonGeneralName => (
          { type: /^[\d.]+$|:/.test(value) ? "ip" : "dns", value }
        )),
      ),
    );
  }
  return extensions;
}

async function newKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as CryptoKeyPair;
}

async function pemOfKey({ privateKey }: CryptoKeyPair): Promise<string> {
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", privateKey);
  return `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`;
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}

function newSerial(): string {
  const hex = crypto.randomUUID().replaceAll("-", "");
  return `0${hex.slice(1)}`;
}
