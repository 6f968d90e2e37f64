/** Options of delegation tokens (KIP-48): whether there are any, how long they live, and how many there may be. */
import type { Option } from "./option.ts";

/** A thousand years: what comes out with the time added is still a timestamp. */
const LONGEST_MS = 2 ** 45;

export const delegationTokenOptions = {
  secretKey: {
    type: "text",
    default: "",
    pattern: /^[^\0]{0,1024}$/,
    need: "up to 1024 characters",
    secret: true,
    restart: true,
    kafkaName: "delegation.token.secret.key",
    doc:
      "What the passwords of delegation tokens are made of; without it there are none. 32 random characters or more: whoever has a token can try to guess it. With another one no password that was given out is good any more. Only from the environment, or a file that nobody else can read.",
  },
  secretKeyFile: {
    type: "text",
    default: "",
    pattern: /^[^\0]{0,4096}$/,
    need: "a path",
    restart: true,
    secretOf: "delegation_token.secret_key",
    doc: "The file that key is read from at the start; what ends its line is not part of it.",
  },
  maxLifetimeMs: {
    type: "integer",
    default: 604_800_000,
    min: 1,
    max: LONGEST_MS,
    restart: true,
    kafkaName: "delegation.token.max.lifetime.ms",
    doc: "How old a delegation token may become, however often it is renewed.",
  },
  expiryTimeMs: {
    type: "integer",
    default: 86_400_000,
    min: 1,
    max: LONGEST_MS,
    restart: true,
    kafkaName: "delegation.token.expiry.time.ms",
    doc: "How long a delegation token is good until it has to be renewed.",
  },
  expiryCheckIntervalMs: {
    type: "integer",
    default: 3_600_000,
    min: 1,
    max: 2 ** 31 - 1,
    restart: true,
    kafkaName: "delegation.token.expiry.check.interval.ms",
    doc:
      "How often expired delegation tokens are removed. They are good for nothing from the moment they expire.",
  },
  maxTokens: {
    type: "integer",
    default: 10_000,
    min: 1,
    max: 100_000,
    restart: true,
    doc: "Delegation tokens at one time; more are refused.",
  },
  maxTokensPerOwner: {
    type: "integer",
    default: 1000,
    min: 1,
    max: 100_000,
    restart: true,
    doc: "The same of one owner, so that nobody takes the place of the others.",
  },
} as const satisfies Record<string, Option>;
