/**
 * Scenarios of groups that change from one protocol to the other while members live: what members of either ask, step
 * by step. record.ts plays them to a Kafka and keeps its answers; tests/broker/mixed_groups_test.ts plays them to us.
 */
import type { Answer, Description, Step } from "./consumer_scenarios.ts";

/** Classic members have each a connection; the one id they are given is kept by the player. */
export type MixedStep = Step | ClassicStep;

export type ClassicStep =
  | ({ readonly do: "join" } & Join)
  /** Waits for the answer of a join that was sent `later`. */
  | { readonly do: "joined"; readonly member: string }
  | {
    readonly do: "sync";
    readonly member: string;
    readonly generation?: number;
    readonly protocol?: string;
    /** What the leader brings: partitions of topics by member. */
    readonly assign?: Readonly<Record<string, Partitions>>;
    /** In the assignment of everyone. */
    readonly userData?: string;
  }
  | {
    readonly do: "classicBeat";
    readonly member: string;
    readonly generation?: number;
    readonly instance?: string;
  }
  | {
    readonly do: "leave";
    readonly member: string;
    readonly instance?: string;
  }
  | { readonly do: "list" };

export interface Join {
  readonly member: string;
  readonly names?: readonly string[];
  readonly instance?: string;
  /** Of a cooperative member; left out, a subscription of version 0 says nothing of it. */
  readonly owned?: Partitions;
  readonly protocols?: readonly string[];
  readonly protocolType?: string;
  /** Instead of a subscription. */
  readonly metadata?: readonly number[];
  readonly rebalanceTimeoutMs?: number;
  /** A member that restarted: without the id it was given. */
  readonly isNew?: boolean;
  /** The answer is not waited for. */
  readonly later?: boolean;
}

type Partitions = Readonly<Record<string, readonly number[]>>;

export type ClassicAnswer =
  | {
    readonly join: {
      readonly error: number;
      readonly generation: number;
      readonly type: string | null;
      readonly protocol: string | null;
      readonly isLeader: boolean;
      readonly members: number;
      readonly skips: boolean;
    };
  }
  | {
    readonly sync: {
      readonly error: number;
      readonly type: string | null;
      readonly protocol: string | null;
      readonly assignment: Record<string, number[]> | null;
    };
  }
  | { readonly classicBeat: number }
  | { readonly leave: number[] }
  | { readonly list: string };

export type MixedTranscript = (Answer | Description | ClassicAnswer)[];

const create = (topic: string, partitions: number): MixedStep => ({
  do: "create",
  topic,
  partitions,
});
const join = (member: string, more: Partial<Join> = {}): MixedStep => ({
  do: "join",
  member,
  names: ["t"],
  ...more,
});
const sync = (member: string, more: object = {}): MixedStep => ({
  do: "sync",
  member,
  ...more,
});
const classicBeat = (member: string, more: object = {}): MixedStep => ({
  do: "classicBeat",
  member,
  ...more,
});
const leave = (member: string, more: object = {}): MixedStep => ({
  do: "leave",
  member,
  ...more,
});
const consumerJoin = (member: string, more: object = {}): MixedStep => ({
  do: "beat",
  member,
  epoch: 0,
  timeoutMs: 60_000,
  names: ["t"],
  owned: {},
  ...more,
});
const beat = (member: string, more: object = {}): MixedStep => ({
  do: "beat",
  member,
  epoch: "now",
  ...more,
});
const pause: MixedStep = { do: "wait", ms: 1100 };
const describe: MixedStep = { do: "describe" };
const list: MixedStep = { do: "list" };

/** A classic group of one member with all four partitions. */
const classicGroup: readonly MixedStep[] = [
  create("t", 4),
  join("a"),
  sync("a", { assign: { a: { t: [0, 1, 2, 3] } } }),
  classicBeat("a"),
  list,
];

export const MIXED_SCENARIOS: Readonly<Record<string, readonly MixedStep[]>> = {
  "a cooperative member is upgraded, shares with a consumer member, and is downgraded when that leaves":
    [
      ...classicGroup,
      consumerJoin("c"),
      list,
      describe,
      beat("c"),
      classicBeat("a"),
      classicBeat("a", { generation: 99 }),
      join("a", { owned: { t: [0, 1, 2, 3] } }),
      sync("a"),
      describe,
      classicBeat("a"),
      beat("c"),
      join("a", { owned: { t: [0, 1] } }),
      sync("a"),
      classicBeat("a"),
      describe,
      beat("c"),
      beat("c", { owned: { t: [2, 3] } }),
      describe,
      beat("c", { epoch: -1 }),
      list,
      classicBeat("a"),
      sync("a"),
      join("a", { owned: { t: [0, 1] } }),
      sync("a", { assign: { a: { t: [0, 1, 2, 3] } } }),
      classicBeat("a"),
      list,
    ],
  "an eager member gives everything up when it joins again": [
    ...classicGroup,
    consumerJoin("c"),
    classicBeat("a"),
    join("a"),
    sync("a"),
    classicBeat("a"),
    beat("c"),
    describe,
    pause,
    join("b"),
    sync("b"),
    describe,
    classicBeat("a"),
    sync("a"),
    beat("c", { owned: { t: [2, 3] } }),
    join("a"),
    sync("a"),
    beat("c", { owned: { t: [3] } }),
    beat("c"),
    classicBeat("b"),
    join("b"),
    sync("b"),
    classicBeat("a"),
    classicBeat("b"),
    describe,
  ],
  "classic members join a group of consumer members, leave, and are told what does not fit": [
    create("t", 2),
    consumerJoin("c"),
    pause,
    join("x", { protocolType: "connect" }),
    join("x", { protocols: [] }),
    join("a", { protocols: ["range", "cooperative-sticky"] }),
    list,
    join("b", { protocols: ["mine"] }),
    join("b", { protocols: ["cooperative-sticky", "range"] }),
    sync("a", { protocol: "cooperative-sticky" }),
    sync("a", { generation: 1 }),
    sync("a"),
    classicBeat("a", { generation: 1 }),
    classicBeat("a", { instance: "i" }),
    classicBeat("nobody"),
    leave("nobody"),
    leave("a"),
    classicBeat("a"),
    describe,
    leave("c"),
    list,
  ],
  "static members change over in their place": [
    create("t", 2),
    join("a", { instance: "i" }),
    sync("a", { assign: { a: { t: [0, 1] } } }),
    consumerJoin("c", { instance: "i" }),
    describe,
    classicBeat("a", { instance: "i" }),
    list,
    consumerJoin("d", { instance: "i" }),
    beat("c", { epoch: -2, instance: "i" }),
    join("b", { instance: "i" }),
    list,
    sync("b"),
    classicBeat("b", { instance: "i" }),
    beat("c", { instance: "i" }),
    join("b", { instance: "i", isNew: true }),
    sync("b"),
    list,
  ],
  "a group in the middle of a rebalance is upgraded": [
    create("t", 2),
    create("u", 1),
    join("a"),
    sync("a", { assign: { a: { t: [0, 1] } } }),
    join("b", { later: true }),
    { do: "wait", ms: 300 },
    classicBeat("a"),
    consumerJoin("c", { names: ["u"] }),
    { do: "joined", member: "b" },
    describe,
    join("b"),
    sync("b"),
    classicBeat("a"),
    join("a", { owned: {} }),
    sync("a"),
    beat("c"),
    describe,
  ],
  "a member that does not join again in time is fenced": [
    create("t", 2),
    join("a", { rebalanceTimeoutMs: 1000 }),
    sync("a", { assign: { a: { t: [0, 1] } } }),
    consumerJoin("c"),
    classicBeat("a"),
    { do: "wait", ms: 1400 },
    classicBeat("a"),
    beat("c"),
    describe,
    join("b", { rebalanceTimeoutMs: 1000 }),
    { do: "wait", ms: 1400 },
    sync("b"),
    describe,
  ],
  "a group that is not of consumers, or of an assignor of its own, stays classic": [
    create("t", 1),
    join("a", { protocolType: "connect", metadata: [1] }),
    consumerJoin("c"),
    sync("a", { assign: { a: { t: [0] } } }),
    consumerJoin("c"),
    leave("a"),
    join("b"),
    sync("b", { assign: { b: { t: [0] } }, userData: "u" }),
    consumerJoin("c"),
    beat("c", { epoch: 1 }),
    leave("b"),
    join("d", { metadata: [0, 0, 9] }),
    sync("d", { assign: {} }),
    consumerJoin("c"),
    leave("d"),
    consumerJoin("c"),
    list,
  ],
};
