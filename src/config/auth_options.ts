/** Options of authentication: who may log in, how, and how often one may fail. */
import type { Option } from "./option.ts";

const PATH = /^[^\0]{0,4096}$/;

export const authOptions = {
  enabled: {
    type: "boolean",
    default: false,
    restart: true,
    doc:
      "Require clients to authenticate: without `listeners` the Kafka port speaks SASL_PLAINTEXT, or SASL_SSL where there is `tls.certificate_file`; with them, each has to ask who comes.",
  },
  mechanism: {
    type: "list",
    default: ["PLAIN"],
    pattern: /^(?:PLAIN|SCRAM-SHA-256|SCRAM-SHA-512|OAUTHBEARER)$/,
    need: "some of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER, with commas between",
    restart: true,
    kafkaName: "sasl.enabled.mechanisms",
    doc: "How clients authenticate on SASL listeners.",
  },
  allowInClear: {
    type: "boolean",
    default: false,
    restart: true,
    doc:
      "Take passwords of PLAIN and tokens of OAUTHBEARER from other machines over connections that are not encrypted: whoever listens on the way has them.",
  },
  plainUsername: {
    type: "text",
    default: "",
    pattern: /^[^\0]{0,255}$/,
    need: "up to 255 characters",
    restart: true,
    doc: "A user of mechanism PLAIN, besides those of `auth.users_file`.",
  },
  plainPassword: {
    type: "text",
    default: "",
    pattern: /^[^\0]{0,255}$/,
    need: "up to 255 characters",
    secret: true,
    restart: true,
    doc: "That user's password. Only from the environment, or a file that nobody else can read.",
  },
  plainPasswordFile: {
    type: "text",
    default: "",
    pattern: PATH,
    need: "a path",
    restart: true,
    secretOf: "auth.plain_password",
    doc: "The file that password is read from at the start; what ends its line is not part of it.",
  },
  usersFile: {
    type: "text",
    default: "",
    pattern: PATH,
    need: "a path",
    restart: true,
    doc:
      "Users with their hashed passwords, as `runnel user` writes them: for PLAIN, and for SCRAM besides the credentials that the cluster keeps. Read again when it changes; one that everybody can read is refused.",
  },
  maxReauthMs: {
    type: "integer",
    default: 0,
    min: 0,
    max: 2 ** 31 - 1,
    restart: true,
    kafkaName: "connections.max.reauth.ms",
    doc:
      "How long a log-in holds until the client has to prove itself again (KIP-368); 0: as long as its connection.",
  },
  failureDelayMs: {
    type: "integer",
    default: 100,
    min: 0,
    max: 10_000,
    restart: true,
    kafkaName: "connection.failed.authentication.delay.ms",
    doc: "How long the answer to a failed log-in waits.",
  },
  maxFailuresPerSecond: {
    type: "integer",
    default: 10,
    min: 1,
    max: 1_000_000,
    restart: true,
    doc:
      "Failed log-ins of one address a second, ten times as many at once; past that its log-ins wait, and are not looked at where that takes longer than clients wait.",
  },
} as const satisfies Record<string, Option>;

export const oauthOptions = {
  jwks: {
    type: "text",
    default: "",
    pattern: /^(?:[^\0\s]{0,4096})$/,
    need: "a path, an https:// address, or an http:// one of this machine",
    restart: true,
    kafkaName: "sasl.oauthbearer.jwks.endpoint.url",
    doc:
      "Where the keys are that OAUTHBEARER tokens are signed with, as a JSON web key set. Read again when a token names one that is not in it.",
  },
  issuer: {
    type: "text",
    default: "",
    pattern: /^[^\0]{0,1000}$/,
    need: "a text",
    restart: true,
    kafkaName: "sasl.oauthbearer.expected.issuer",
    doc: "Who issues the tokens: their claim iss.",
  },
  audience: {
    type: "list",
    default: [],
    pattern: /^[^\0]{1,1000}$/,
    need: "texts with commas between",
    restart: true,
    kafkaName: "sasl.oauthbearer.expected.audience",
    doc: "Whom the tokens are for: their claim aud has one of these.",
  },
  principalClaim: {
    type: "text",
    default: "sub",
    pattern: /^[A-Za-z0-9_.:\/-]{1,255}$/,
    need: "the name of a claim",
    restart: true,
    kafkaName: "sasl.oauthbearer.sub.claim.name",
    doc: "The claim that names the user.",
  },
  clockSkewSeconds: {
    type: "integer",
    default: 30,
    min: 0,
    max: 3600,
    restart: true,
    kafkaName: "sasl.oauthbearer.clock.skew.seconds",
    doc: "How far the issuer's clock may be from this one.",
  },
} as const satisfies Record<string, Option>;
