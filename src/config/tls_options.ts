/** Options of TLS, for every listener that has it and does not say otherwise in its own table. */
import { CLIENT_AUTH } from "./listener_settings.ts";
import type { Option } from "./option.ts";

const PATH = /^[^\0]{0,4096}$/;

export const tlsOptions = {
  certificateFile: {
    type: "text",
    default: "",
    pattern: PATH,
    need: "a path",
    restart: true,
    kafkaName: "ssl.keystore.location",
    doc:
      "The certificate that TLS listeners show, in PEM, with those between it and its CA behind it. Read again when its contents change.",
  },
  keyFile: {
    type: "text",
    default: "",
    pattern: PATH,
    need: "a path",
    restart: true,
    doc:
      "Its private key, in PEM, not encrypted; empty: it is in `certificate_file`. A file that everybody can read is refused.",
  },
  clientCaFile: {
    type: "text",
    default: "",
    pattern: PATH,
    need: "a path",
    restart: true,
    kafkaName: "ssl.truststore.location",
    doc:
      "The CAs, in PEM, whose certificates of clients are trusted. Revocation is not looked at: no CRL, no OCSP.",
  },
  clientAuth: {
    type: "choice",
    default: "none",
    choices: CLIENT_AUTH,
    restart: true,
    kafkaName: "ssl.client.auth",
    doc:
      "Whether clients are asked for a certificate: `requested` lets those in who have none, as User:ANONYMOUS; one that is not trusted is refused either way.",
  },
  principalMappingRules: {
    type: "text",
    default: "DEFAULT",
    pattern: PATH,
    need: "Kafka's rules (RULE:pattern/replacement/, DEFAULT)",
    restart: true,
    kafkaName: "ssl.principal.mapping.rules",
    doc:
      "How the name of a client's certificate (RFC 2253) becomes a user: the first rule whose pattern is the whole name.",
  },
  reloadIntervalMs: {
    type: "integer",
    default: 10_000,
    min: 50,
    max: 86_400_000,
    restart: true,
    doc:
      "How often the files are looked at. What has changed and stayed so for one interval is tried by a handshake, and used from then on; what does not stand it is refused and the one before stays.",
  },
  cipherSuites: {
    type: "text",
    default: "",
    pattern: PATH,
    need: "nothing",
    restart: true,
    kafkaName: "ssl.cipher.suites",
    doc:
      "Refused: the runtime has the choice of ciphers, all of them forward secret and authenticated (TLS 1.2 and 1.3).",
  },
} as const satisfies Record<string, Option>;
