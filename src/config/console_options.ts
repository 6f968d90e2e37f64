/** The options of `[console]`: the pages and the API that the broker shows itself by, at the HTTP port. */
import type { Option } from "./option.ts";

export const consoleOptions = {
  enabled: {
    type: "boolean",
    default: true,
    restart: true,
    doc: "Answer the console's pages and its API, `/api/v1`, at the HTTP port.",
  },
  write: {
    type: "boolean",
    default: false,
    restart: true,
    doc:
      "Let the console change things, as the user it acts as; without, it only shows. Where HTTP asks nobody who they are, that is for everybody on this machine.",
  },
  login: {
    type: "choice",
    default: "auto",
    choices: ["auto", "always", "never"],
    restart: true,
    doc:
      "Whether the console asks everybody who they are and acts as that user, one of `auth.*` or of the cluster: `auto` where a listener has SASL. Without, every user of this machine is the one it acts as.",
  },
  principal: {
    type: "text",
    default: "",
    pattern: /^$|^User:[^\0\n]{1,250}$/,
    need: "User: and a name, or nothing",
    restart: true,
    doc:
      "The user that the console acts as for whoever does not log in as one of the broker's, whose ACLs hold; empty: the user of `http.username` with `basic`, else User:ANONYMOUS.",
  },
  hosts: {
    type: "list",
    default: [],
    pattern: /^[A-Za-z0-9._-]{1,253}$/,
    need: "host names, without ports",
    restart: true,
    doc:
      "Names that the console may be asked for by, such as a proxy's. Addresses and localhost always may; other names are refused, as they may be an attacker's that lead here.",
  },
  basePath: {
    type: "text",
    default: "",
    pattern: /^$|^(\/[A-Za-z0-9._~-]{1,100}){1,10}$/,
    need: "a path that begins with / and does not end with it",
    restart: true,
    doc: "Where a proxy has the console, such as `/runnel`; empty: at its root.",
  },
} as const satisfies Record<string, Option>;
