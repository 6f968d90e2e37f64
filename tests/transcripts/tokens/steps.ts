/** What is asked of a broker about delegation tokens, by users who may more and less. */
export type Step =
  & { readonly name: string }
  & (
    | {
      readonly do: "create";
      /** A user, "anonymous", or "with A": who logged in by that token. */
      readonly by: string;
      readonly version?: number;
      /** What the token is called from then on. */
      readonly token?: string;
      readonly request?: Record<string, unknown>;
    }
    | {
      readonly do: "describe";
      readonly by: string;
      readonly version?: number;
      /** "User:alice"; none: all. */
      readonly owners?: readonly string[];
    }
    | {
      readonly do: "renew" | "expire";
      readonly by: string;
      readonly version?: number;
      /** One that was not made has an HMAC that nobody knows; null: none at all. */
      readonly token: string | null;
      readonly periodMs: number;
    }
    | {
      readonly do: "log in";
      readonly token: string;
      readonly mechanism?: "SCRAM-SHA-256" | "SCRAM-SHA-512";
      readonly but?: Record<string, unknown>;
    }
    | { readonly do: "wait"; readonly ms: number }
  );

/** Each with the password "of NAME". */
export const USERS = ["alice", "bob", "carol", "dave", "eve"] as const;

const DESCRIBE = 8, CREATE_TOKENS = 13, DESCRIBE_TOKENS = 14, DELEGATION_TOKEN = 6, USER = 7;

export const ACLS: readonly (readonly [string, number, number, string])[] = [
  ["bob", CREATE_TOKENS, USER, "User:alice"],
  ["carol", DESCRIBE_TOKENS, USER, "User:alice"],
  ["dave", DESCRIBE, DELEGATION_TOKEN, "*"],
];

const HOUR = 3_600_000;
const user = (name: string) => ({ principalType: "User", principalName: name });
const owned = (name: string, type = "User") => ({
  ownerPrincipalType: type,
  ownerPrincipalName: name,
});

/** Over connections that prove nobody, and by a token, nothing is told or done. */
function all(by: string, token: string | null): Step[] {
  return [1, 2, 3].flatMap((version): Step[] => [
    { name: `${by} creates, v${version}`, do: "create", by, version },
    { name: `${by} describes, v${version}`, do: "describe", by, version },
    ...(version === 3 ? [] : [
      { name: `${by} renews, v${version}`, do: "renew", by, version, token, periodMs: -1 },
      { name: `${by} expires, v${version}`, do: "expire", by, version, token, periodMs: -1 },
    ] as const),
  ]);
}

export const STEPS: readonly Step[] = [
  ...all("anonymous", null),
  { name: "anonymous describes nobody's", do: "describe", by: "anonymous", owners: [] },

  { name: "made as usual", do: "create", by: "alice", token: "A" },
  {
    name: "made with a renewer, for an hour",
    do: "create",
    by: "alice",
    token: "B",
    version: 2,
    request: { renewers: [user("bob")], maxLifetimeMs: HOUR },
  },
  {
    name: "made for longer than may be",
    do: "create",
    by: "alice",
    token: "C",
    version: 1,
    request: { maxLifetimeMs: 24 * 30 * HOUR },
  },
  { name: "made for 0 ms", do: "create", by: "alice", token: "D", request: { maxLifetimeMs: 0 } },
  {
    name: "a renewer who is a group",
    do: "create",
    by: "alice",
    request: { renewers: [user("bob"), { principalType: "Group", principalName: "g" }] },
  },
  { name: "for oneself by name", do: "create", by: "eve", token: "E", request: owned("eve") },
  { name: "for another without the right", do: "create", by: "alice", request: owned("bob") },
  {
    name: "for another without the right, with a bad renewer",
    do: "create",
    by: "alice",
    request: { ...owned("bob"), renewers: [{ principalType: "Group", principalName: "g" }] },
  },
  {
    name: "for another with the right",
    do: "create",
    by: "bob",
    token: "F",
    request: { ...owned("alice"), renewers: [user("carol"), user("carol")] },
  },
  { name: "for another by a super user", do: "create", by: "admin", token: "G", request: owned("eve") },
  { name: "a type without a name", do: "create", by: "eve", token: "H", request: owned("", "Group") },
  {
    name: "a name without a type",
    do: "create",
    by: "eve",
    request: { ownerPrincipalType: null, ownerPrincipalName: "eve" },
  },
  { name: "neither", do: "create", by: "bob", token: "I", request: { ownerPrincipalName: null } },
  { name: "a group without the right", do: "create", by: "eve", request: owned("g", "Group") },

  { name: "alice describes all", do: "describe", by: "alice" },
  { name: "bob describes all", do: "describe", by: "bob" },
  { name: "carol describes all", do: "describe", by: "carol", version: 1 },
  { name: "dave describes all", do: "describe", by: "dave", version: 2 },
  { name: "eve describes all", do: "describe", by: "eve" },
  { name: "nobody's", do: "describe", by: "alice", owners: [] },
  { name: "alice describes bob's", do: "describe", by: "alice", owners: ["User:bob"] },
  { name: "bob describes alice's", do: "describe", by: "bob", owners: ["User:alice"] },
  { name: "carol describes bob's", do: "describe", by: "carol", owners: ["User:bob"] },
  {
    name: "carol describes alice's twice and eve's",
    do: "describe",
    by: "carol",
    owners: ["User:alice", "User:alice", "User:eve"],
  },
  { name: "dave describes a stranger's", do: "describe", by: "dave", owners: ["User:x"] },
  { name: "dave describes a group's", do: "describe", by: "dave", owners: ["Group:alice"] },

  { name: "renewed by its owner", do: "renew", by: "alice", token: "A", periodMs: -1 },
  { name: "renewed for 0 ms", do: "renew", by: "alice", token: "A", periodMs: 0, version: 1 },
  { name: "renewed for less", do: "renew", by: "alice", token: "A", periodMs: 2 * HOUR },
  { name: "renewed for more than may be", do: "renew", by: "alice", token: "A", periodMs: 99 * HOUR },
  { name: "renewed past its end", do: "renew", by: "alice", token: "B", periodMs: 2 * HOUR },
  { name: "renewed by a renewer", do: "renew", by: "bob", token: "B", periodMs: HOUR / 2 },
  { name: "renewed by a stranger", do: "renew", by: "eve", token: "B", periodMs: -1 },
  { name: "renewed by who may see it", do: "renew", by: "dave", token: "B", periodMs: -1 },
  { name: "renewed by who asked for it", do: "renew", by: "bob", token: "F", periodMs: -1 },
  { name: "renewed by a super user", do: "renew", by: "admin", token: "A", periodMs: -1 },
  { name: "renewed by a super user who asked for it", do: "renew", by: "admin", token: "G", periodMs: -1 },
  { name: "renewed that is not there", do: "renew", by: "alice", token: "none", periodMs: -1 },
  { name: "renewed without an HMAC", do: "renew", by: "alice", token: null, periodMs: -1 },

  { name: "a log-in", do: "log in", token: "A" },
  { name: "a log-in by SHA-512", do: "log in", token: "A", mechanism: "SCRAM-SHA-512" },
  { name: "a log-in with a wrong HMAC", do: "log in", token: "A", but: { password: "wrong" } },
  { name: "a log-in with an unknown id", do: "log in", token: "A", but: { username: "none" } },
  { name: "a log-in that does not say it is by token", do: "log in", token: "A", but: { isToken: false } },
  {
    name: "a user who says it is by token",
    do: "log in",
    token: "A",
    but: { username: "alice", password: "of alice" },
  },
  ...all("with A", "A"),
  ...all("with F", "F").filter(({ name }) => name.endsWith("v2")),

  { name: "ended by a stranger", do: "expire", by: "eve", token: "A", periodMs: -1 },
  { name: "ended by who asked for it", do: "expire", by: "bob", token: "F", periodMs: -1 },
  { name: "ended by a super user", do: "expire", by: "admin", token: "A", periodMs: -1 },
  { name: "ended that is not there", do: "expire", by: "alice", token: "none", periodMs: -1 },
  { name: "ended in an hour", do: "expire", by: "alice", token: "A", periodMs: HOUR },
  { name: "ended past its end", do: "expire", by: "alice", token: "A", periodMs: 24 * 30 * HOUR },
  { name: "ended at once, by a renewer", do: "expire", by: "bob", token: "B", periodMs: -5 },
  { name: "ended again", do: "expire", by: "alice", token: "B", periodMs: -1 },
  { name: "renewed that has ended", do: "renew", by: "alice", token: "B", periodMs: -1 },
  { name: "ended now", do: "expire", by: "alice", token: "C", periodMs: 0, version: 1 },
  { name: "a moment", do: "wait", ms: 50 },
  { name: "renewed that has expired", do: "renew", by: "alice", token: "C", periodMs: -1 },
  { name: "renewed that has expired, by a stranger", do: "renew", by: "eve", token: "C", periodMs: -1 },
  { name: "ended that has expired, by a stranger", do: "expire", by: "eve", token: "C", periodMs: -1 },
  { name: "ended later that has expired", do: "expire", by: "alice", token: "C", periodMs: HOUR },
  { name: "a log-in with one that has expired", do: "log in", token: "C" },
  { name: "alice describes one that has expired", do: "describe", by: "alice" },
  { name: "ended that has expired", do: "expire", by: "alice", token: "C", periodMs: -1 },
  { name: "a log-in with one that has ended", do: "log in", token: "B" },
  { name: "alice describes what is left", do: "describe", by: "alice" },

  // Last, as Runnel makes none of these.
  {
    name: "an empty type with a name",
    do: "create",
    by: "admin",
    request: { ownerPrincipalType: "", ownerPrincipalName: "eve" },
  },
  { name: "a group by a super user", do: "create", by: "admin", request: owned("g", "Group") },
];

/** Of a broker without a secret key. */
export const WITHOUT_KEY: readonly Step[] = [
  { name: "anonymous creates", do: "create", by: "anonymous" },
  { name: "a token without a key", do: "create", by: "alice" },
  { name: "one for another without a key", do: "create", by: "alice", request: owned("bob") },
  {
    name: "a bad renewer without a key",
    do: "create",
    by: "alice",
    request: { renewers: [{ principalType: "Group", principalName: "g" }] },
  },
  { name: "described without a key", do: "describe", by: "alice" },
  { name: "nobody's without a key", do: "describe", by: "alice", owners: [] },
  { name: "renewed without a key", do: "renew", by: "alice", token: "none", periodMs: -1 },
  { name: "ended without a key", do: "expire", by: "alice", token: "none", periodMs: -1 },
];
