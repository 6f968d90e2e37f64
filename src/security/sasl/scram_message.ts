/** The messages that a client of SCRAM sends, read as Kafka reads them (RFC 5802 §7, ScramMessages). Null where one is not in order. */
import { Buffer } from "node:buffer";

export interface ClientFirst {
  /** "n,," with an authzid where there is one: what a client has to say again in its second message. */
  readonly gs2Header: string;
  /** Who it wants to be, decoded; "" where it does not say. */
  readonly authorizationId: string;
  /** Who it is, decoded. */
  readonly name: string;
  readonly nonce: string;
  /** What is behind the nonce: "tokenauth=true" */
  readonly extensions: ReadonlyMap<string, string>;
  /** The message without the header, which is signed. */
  readonly bare: string;
}

export interface ClientFinal {
  /** Base64 of the header. */
  readonly channelBinding: string;
  readonly nonce: string;
  readonly proof: Uint8Array;
  /** The message without the proof, which is signed. */
  readonly withoutProof: string;
}

const NAME = "(?:[^\\0=,]|=2C|=3D)+";
const PRINTABLE = "[\\x21-\\x2b\\x2d-\\x7e]+";
const BASE64 = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?";
const EXTENSIONS = "((?:,[A-Za-z]+=[^\\0,]+)*)";

const CLIENT_FIRST = new RegExp(
  `^(([ny]),(?:a=(${NAME}))?,)((?:m=[^\\0,]+,)?n=(${NAME}),r=(${PRINTABLE})${EXTENSIONS})$`,
);
const CLIENT_FINAL = new RegExp(
  `^(c=(${BASE64}),r=(${PRINTABLE})${EXTENSIONS}),p=(${BASE64})$`,
);

export function readClientFirst(token: Uint8Array): ClientFirst | null {
  const match = CLIENT_FIRST.exec(textOf(token) ?? "");
  if (match === null) return null;
  const [, gs2Header, , authorizationId = "", bare, name, nonce, extensions] = match;
  if (bare.startsWith("m=") || isMandatory(extensions)) return null;
  return {
    gs2Header,
    authorizationId: decodedName(authorizationId),
    name: decodedName(name),
    nonce,
    extensions: pairs(extensions),
    bare,
  };
}

export function readClientFinal(token: Uint8Array): ClientFinal | null {
  const match = CLIENT_FINAL.exec(textOf(token) ?? "");
  if (match === null) return null;
  const [, withoutProof, channelBinding, nonce, extensions, proof] = match;
  if (isMandatory(extensions)) return null;
  return {
    withoutProof,
    channelBinding,
    nonce,
    proof: new Uint8Array(Buffer.from(proof, "base64")),
  };
}

/** Whether there is an extension that has to be known, which nobody here knows (RFC 5802 §5.1). */
function isMandatory(extensions: string): boolean {
  return extensions.includes(",m=");
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

function textOf(token: Uint8Array): string | null {
  if (token.length > MAX_BYTES) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(token);
  } catch {
    return null;
  }
}

const MAX_BYTES = 8192;

function decodedName(name: string): string {
  return name.replaceAll("=2C", ",").replaceAll("=3D", "=");
}

function pairs(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const pair of text.split(",").slice(1)) {
    const at = pair.indexOf("=");
    found.set(pair.slice(0, at), pair.slice(at + 1));
  }
  return found;
}
