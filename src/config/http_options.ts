/** Options of the HTTP port: who may ask it. */
import type { Option } from "./option.ts";

export const httpOptions = {
  address: {
    type: "text",
    default: "",
    pattern: /^$|^[A-Za-z0-9._:%\[\]-]{1,255}$/,
    need: "a host name or an IP address",
    restart: true,
    doc:
      "Where HTTP listens; empty: at the first of `listen_addresses`. Beyond this machine it needs authentication, or `insecure`.",
  },
  tls: {
    type: "boolean",
    default: false,
    restart: true,
    doc: "Speak HTTPS, with the certificate of `[tls]`.",
  },
  authentication: {
    type: "choice",
    default: "none",
    choices: ["none", "basic", "bearer"],
    restart: true,
    doc: "What is asked of those who ask: a user and a password, or a token.",
  },
  username: {
    type: "text",
    default: "",
    pattern: /^[^\0:]{0,255}$/,
    need: "up to 255 characters, no colon",
    restart: true,
    doc: "The user of `basic`.",
  },
  password: {
    type: "text",
    default: "",
    pattern: /^[^\0]{0,255}$/,
    need: "up to 255 characters",
    secret: true,
    restart: true,
    doc: "That user's password. Only from the environment, or a file that nobody else can read.",
  },
  passwordFile: {
    type: "text",
    default: "",
    pattern: /^[^\0]{0,4096}$/,
    need: "a path",
    restart: true,
    secretOf: "http.password",
    doc: "The file that password is read from at the start; what ends its line is not part of it.",
  },
  token: {
    type: "text",
    default: "",
    pattern: /^[\x21-\x7e]{0,4096}$/,
    need: "characters without blanks",
    secret: true,
    restart: true,
    doc: "The token of `bearer`. Only from the environment, or a file that nobody else can read.",
  },
  tokenFile: {
    type: "text",
    default: "",
    pattern: /^[^\0]{0,4096}$/,
    need: "a path",
    restart: true,
    secretOf: "http.token",
    doc: "The file that token is read from at the start; what ends its line is not part of it.",
  },
  openHealth: {
    type: "boolean",
    default: true,
    restart: true,
    doc:
      "Answer /healthz and /readyz without authentication, for those who only look whether it is up.",
  },
  openMetrics: {
    type: "boolean",
    default: false,
    restart: true,
    doc: "Answer /metrics and /status without authentication.",
  },
} as const satisfies Record<string, Option>;
