/**
 * TlsMaterial: what a TLS listener shows and whom it trusts, as it is in its files (PEM), and whether that can be used.
 * What is wrong is said with the file and what is needed of it.
 */
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { Buffer } from "node:buffer";
import { permissionsOf } from "../../platform.ts";
import { readPublicFile } from "../../security/secret_file.ts";

export interface TlsFiles {
  readonly certificateFile: string;
  /** May be the same. */
  readonly keyFile: string;
  /** "" where clients are asked for no certificate. */
  readonly clientCaFile: string;
}

/** The contents of those files. */
export interface TlsMaterial {
  readonly certificate: string;
  readonly key: string;
  readonly clientCa: string;
}

/** Files that cannot be used, in words. */
export class TlsMaterialError extends Error {
  override readonly name = "ConfigError"; // a person wrote what is wrong
}

/** Reads the files; throws TlsMaterialError. */
export function readTlsMaterial(files: TlsFiles): TlsMaterial {
  const { certificateFile, keyFile, clientCaFile } = files;
  const mode = modeOf(keyFile);
  if (mode !== null && (mode & 0o007) !== 0) {
    throw new TlsMaterialError(
      `everybody can read the private key in ${keyFile}: chmod 600 ${keyFile}`,
    );
  }
  return {
    certificate: readText(certificateFile),
    key: readText(keyFile),
    clientCa: clientCaFile === "" ? "" : readText(clientCaFile),
  };
}

/** Whether others than the owner can read the key. */
export function isKeySharedWithGroup({ keyFile }: TlsFiles): boolean {
  return ((modeOf(keyFile) ?? 0) & 0o070) !== 0;
}

export function isSameMaterial(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.certificate === b.certificate && a.key === b.key && a.clientCa === b.clientCa;
}

/** What the files say of the certificate that is shown. */
export interface ShownCertificate {
  /** As the runtime writes it, in one line. */
  readonly subject: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** "AB:CD:…" of the certificate in DER. */
  readonly sha256: string;
}

/** Looks at everything that needs no handshake; throws TlsMaterialError. The times are for the caller to judge. */
export function examineMaterial(material: TlsMaterial, files: TlsFiles): ShownCertificate {
  const [leaf] = certificatesOf(material.certificate, files.certificateFile);
  checkKey(material, files, leaf);
  if (files.clientCaFile !== "") certificatesOf(material.clientCa, files.clientCaFile);
  return {
    subject: leaf.subject.replaceAll("\n", ", "),
    notBeforeMs: Date.parse(leaf.validFrom),
    notAfterMs: Date.parse(leaf.validTo),
    sha256: leaf.fingerprint256,
  };
}

/** The certificates of a text in PEM, at least one. */
export function certificatesOf(text: string, file: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) {
    const isBinary = /^\x30[\x80-\x84]|\0/.test(text.slice(0, 100));
    throw new TlsMaterialError(
      `${file} holds no certificate: needs PEM, which begins with -----BEGIN CERTIFICATE-----` +
        (isBinary ? " (this looks like DER or PKCS#12: openssl makes PEM of it)" : ""),
    );
  }
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new TlsMaterialError(
        `certificate ${index + 1} in ${file} cannot be read: ${(error as Error).message}`,
      );
    }
  });
}

function checkKey({ key }: TlsMaterial, { keyFile }: TlsFiles, leaf: X509Certificate): void {
  if (/ENCRYPTED/.test(key)) {
    throw new TlsMaterialError(
      `the private key in ${keyFile} is encrypted: needs one that is not (openssl pkey -in … -out …), in a file that ` +
        "nobody else can read",
    );
  }
  const block = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----[^-]+-----END (?:[A-Z]+ )?PRIVATE KEY-----/
    .exec(key)?.[0];
  if (block === undefined) {
    throw new TlsMaterialError(
      `${keyFile} holds no private key: needs PEM, with -----BEGIN PRIVATE KEY-----`,
    );
  }
  let own: Buffer;
  try {
    own = spkiOf(createPublicKey(createPrivateKey(block)));
  } catch (error) {
    throw new TlsMaterialError(
      `the private key in ${keyFile} cannot be read: ${(error as Error).message}`,
    );
  }
  if (!own.equals(spkiOf(leaf.publicKey))) {
    throw new TlsMaterialError(
      `the private key in ${keyFile} is not that of the first certificate (${
        leaf.subject.replaceAll("\n", ", ")
      })`,
    );
  }
}

function spkiOf(key: ReturnType<typeof createPublicKey>): Buffer {
  return Buffer.from(key.export({ type: "spki", format: "der" }));
}

/** Of a file alone: what is none could have no end, or keep whoever reads it. */
function readText(file: string): string {
  try {
    return new TextDecoder().decode(readPublicFile(file, MAX_BYTES));
  } catch (error) {
    throw new TlsMaterialError(`Cannot read ${file}: ${why(error)}`);
  }
}

/** Of thousands of certificates. */
const MAX_BYTES = 16 << 20;

function modeOf(file: string): number | null {
  try {
    return permissionsOf(Deno.statSync(file).mode);
  } catch (error) {
    throw new TlsMaterialError(`Cannot read ${file}: ${why(error)}`);
  }
}

/** Without what Deno adds of the call that failed: ": open '/x'". */
function why(error: unknown): string {
  return (error as Error).message.replace(/: [a-z_]+ '[^']*'$/, "");
}
