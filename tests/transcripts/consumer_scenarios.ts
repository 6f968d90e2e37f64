/**
 * Scenarios of the consumer protocol: what members ask, step by step, in words that fit any broker. record.ts plays
 * them to a Kafka and keeps its answers; consumer_transcripts_test.ts plays them to the machine and compares.
 */

/** One step. Member ids, instance ids and topics are short names; each player puts its own in their place. */
export type Step =
  | ({ readonly do: "beat" } & Beat)
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "create"; readonly topic: string; readonly partitions: number }
  | { readonly do: "grow"; readonly topic: string; readonly partitions: number }
  | { readonly do: "delete"; readonly topic: string }
  | { readonly do: "describe" };

export interface Beat {
  readonly member: string;
  /** "now": the epoch of the member's last answer. */
  readonly epoch: number | "now";
  readonly instance?: string;
  readonly rack?: string;
  readonly timeoutMs?: number;
  readonly names?: readonly string[];
  readonly regex?: string;
  readonly assignor?: string;
  /** Left out: nothing is said of it. */
  readonly owned?: Readonly<Record<string, readonly number[]>>;
  readonly version?: number;
}

/** An answer with short names again. */
export interface Answer {
  readonly error: number;
  readonly message: string | null;
  readonly epoch: number;
  readonly intervalMs: number;
  readonly assignment: Record<string, number[]> | null;
}

export interface Description {
  readonly state: string;
  readonly epoch: number;
  readonly assignmentEpoch: number;
  readonly assignor: string;
  readonly members: Record<string, DescribedMember>;
}

export interface DescribedMember {
  readonly instance: string | null;
  readonly epoch: number;
  readonly names: string[];
  readonly regex: string | null;
  readonly assignment: Record<string, number[]>;
  readonly target: Record<string, number[]>;
  readonly type: number;
}

/** Answers to the beats and descriptions, in order. */
export type Transcript = (Answer | Description)[];

const join = (member: string, names: readonly string[], more: Partial<Beat> = {}): Step => ({
  do: "beat",
  member,
  epoch: 0,
  timeoutMs: 60_000,
  names,
  owned: {},
  ...more,
});
const beat = (member: string, more: Partial<Beat> = {}): Step => ({
  do: "beat",
  member,
  epoch: "now",
  ...more,
});
/** Past the interval in which Kafka makes no second target assignment. */
const pause: Step = { do: "wait", ms: 1100 };
/** Past the time in which Kafka does not match patterns again. */
const regexPause: Step = { do: "wait", ms: 11_000 };
const describe: Step = { do: "describe" };
const create = (topic: string, partitions: number): Step => ({ do: "create", topic, partitions });

export const SCENARIOS: Readonly<Record<string, readonly Step[]>> = {
  "a second member gets half of the partitions once the first has let go": [
    create("t", 4),
    join("a", ["t"]),
    beat("a", { owned: { t: [0, 1, 2, 3] } }),
    describe,
    pause,
    join("b", ["t"]),
    describe,
    beat("a"),
    beat("b"),
    beat("a", { owned: { t: [0, 1, 2, 3] } }),
    describe,
    beat("a", { owned: { t: [0, 1] } }),
    beat("b"),
    beat("b", { owned: { t: [2, 3] } }),
    describe,
    beat("a", { epoch: -1 }),
    describe,
    pause,
    beat("b"),
    beat("b"),
    describe,
    beat("b", { epoch: -1 }),
    describe,
  ],
  "a member that joins within the assignment interval waits for it": [
    create("t", 2),
    join("a", ["t"]),
    join("b", ["t"]),
    describe,
    beat("b"),
    pause,
    beat("b"),
    beat("a"),
    beat("a", { owned: { t: [0] } }),
    beat("b"),
    describe,
  ],
  "members that are not who or where they say they are get fenced": [
    create("t", 2),
    beat("a", { epoch: 1 }),
    beat("a", { epoch: -1 }),
    join("a", ["t"]),
    beat("x", { epoch: 1 }),
    beat("x", { epoch: -1 }),
    beat("a", { epoch: 2 }),
    pause,
    join("b", ["t"]),
    beat("a", { owned: { t: [0] } }),
    beat("a", { epoch: 1, owned: { t: [0] } }),
    beat("a", { epoch: 1, owned: { t: [0, 1] } }),
    beat("a", { epoch: 1 }),
    beat("b", { epoch: 1 }),
    join("a", ["t"]),
    join("b", ["t"]),
    describe,
  ],
  "a static member that is away keeps its place": [
    create("t", 2),
    join("a", ["t"], { instance: "i" }),
    join("b", ["t"], { instance: "i" }),
    join("a", ["t"], { instance: "i" }),
    beat("b", { epoch: 1, instance: "i" }),
    beat("a", { epoch: 1, instance: "j" }),
    beat("a", { instance: "i" }),
    beat("b", { epoch: -2, instance: "i" }),
    beat("a", { epoch: -2, instance: "i" }),
    describe,
    beat("a", { epoch: 1, instance: "i" }),
    join("b", ["t"], { instance: "i" }),
    describe,
    beat("a", { epoch: 1, instance: "i" }),
    beat("a", { epoch: 1 }),
    beat("b", { instance: "i" }),
    beat("b", { epoch: -2, instance: "i" }),
    join("b", ["t"], { instance: "i" }),
    beat("b", { epoch: -2, instance: "i" }),
    beat("b", { epoch: -1, instance: "i" }),
    describe,
    join("c", ["t"], { instance: "i" }),
  ],
  "requests that make no sense are refused in words": [
    create("t", 1),
    beat("", { epoch: 0, timeoutMs: 60_000, names: ["t"], owned: {} }),
    beat("a", { epoch: 0, names: ["t"], owned: {} }),
    beat("a", { epoch: 0, timeoutMs: 60_000, names: ["t"] }),
    beat("a", { epoch: 0, timeoutMs: 60_000, names: ["t"], owned: { t: [0] } }),
    beat("a", { epoch: 0, timeoutMs: 60_000, owned: {} }),
    join("a", ["t"], { assignor: "mine" }),
    join("a", ["t"], { instance: "" }),
    join("a", ["t"], { rack: "" }),
    beat("a", { epoch: -2 }),
    beat("a", { epoch: -3 }),
    beat("", { epoch: 1, version: 0 }),
    join("a", ["t"], { version: 0 }),
    beat("a", { regex: "[" }),
    beat("a", { regex: "(a" }),
    beat("a", { regex: "a**" }),
    beat("a", { regex: "(?=a)" }),
    beat("a", { regex: "\\k" }),
    describe,
  ],
  "a subscription that changes takes the old topic away at once": [
    create("t", 2),
    create("u", 2),
    join("a", ["t", "u"]),
    pause,
    beat("a", { names: ["u"], owned: { t: [0, 1], u: [0, 1] } }),
    describe,
    beat("a", { owned: { u: [0, 1] } }),
    describe,
    beat("a", { names: ["u", "t"], owned: { u: [0, 1] } }),
    describe,
    pause,
    beat("a"),
    beat("a", { names: ["t", "u"] }),
    beat("a", { names: [], owned: { u: [0, 1], t: [0, 1] } }),
    beat("a", { owned: {} }),
    describe,
  ],
  "topics that come, grow and go make new epochs": [
    join("a", ["t"]),
    describe,
    create("t", 1),
    pause,
    beat("a"),
    { do: "grow", topic: "t", partitions: 3 },
    pause,
    beat("a"),
    describe,
    { do: "delete", topic: "t" },
    pause,
    beat("a"),
    beat("a", { owned: {} }),
    describe,
  ],
  "range gives the same numbers of every topic": [
    create("t", 3),
    create("u", 3),
    join("a", ["t", "u"], { assignor: "range" }),
    pause,
    join("b", ["t", "u"], { assignor: "range" }),
    beat("a"),
    beat("a", { owned: { t: [0, 1], u: [0, 1] } }),
    beat("b"),
    pause,
    join("c", ["u"], { assignor: "range" }),
    beat("a", { owned: { t: [0, 1], u: [0] } }),
    beat("b", { owned: { t: [2], u: [1] } }),
    beat("c"),
    beat("a"),
    beat("b"),
    describe,
  ],
  "an epoch begins at 1 and rises with the names subscribed to": [
    create("t", 2),
    join("a", []),
    describe,
    pause,
    join("b", []),
    describe,
    beat("a", { names: ["nosuch"] }),
    beat("b", { names: [] }),
    pause,
    describe,
    beat("a", { names: ["t", "nosuch"] }),
    pause,
    beat("b", { epoch: -1 }),
    describe,
  ],
  "a pattern without a match is no new epoch": [
    create("t", 2),
    join("a", [], { regex: "zz.*" }),
    describe,
    regexPause,
    join("b", [], { regex: "yy.*" }),
    regexPause,
    beat("b"),
    describe,
    beat("b", { regex: "ww.*" }),
    regexPause,
    beat("b"),
    describe,
  ],
  "coming to a pattern that is known, and leaving the last, are new epochs": [
    create("t", 2),
    join("a", [], { regex: "zz.*" }),
    pause,
    join("b", [], { regex: "zz.*" }),
    describe,
    pause,
    beat("b", { regex: "" }),
    beat("a"),
    describe,
    pause,
    join("c", ["t"]),
    pause,
    beat("c", { regex: "xx.*" }),
    describe,
  ],
};
