/** The options of `[authorization]`: whether ACLs are asked, and what holds beside them. */
import type { Option } from "./option.ts";

export const aclOptions = {
  mode: {
    type: "choice",
    default: "auto",
    choices: ["auto", "on", "off"],
    restart: true,
    doc:
      "Whether ACLs say what each user may do; what no ACL allows is denied. auto: as soon as clients authenticate. off: everybody who can connect may do everything.",
  },
  superUsers: {
    type: "list",
    default: [],
    pattern: /^[A-Za-z]+:[^\0]{1,1000}$/,
    need:
      "principals such as User:admin with commas between, or as Kafka has them User:CN=a,O=b;User:c with semicolons; in the file also as a list",
    otherwiseBetween: /;(?=\s*(?:[A-Za-z]+:|$))/,
    restart: true,
    kafkaName: "super.users",
    doc: "Who may do everything, whatever the ACLs say: the first ACLs have to come from somebody.",
  },
  maxAcls: {
    type: "integer",
    default: 50_000,
    min: 1,
    max: 1_000_000,
    restart: true,
    doc:
      "ACLs there may be; making more is refused. One counts once more for every thousand characters of its names. What is there already stays in force.",
  },
  allowEveryoneIfNoAclFound: {
    type: "boolean",
    default: false,
    restart: true,
    kafkaName: "allow.everyone.if.no.acl.found",
    doc: "Whether everybody may use what no ACL is of. Any ACL of a resource ends that for it.",
  },
} as const satisfies Record<string, Option>;
