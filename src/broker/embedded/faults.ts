/**
 * Faults: what a test has go wrong in a broker of its own process, whichever client asks it over the socket. Nothing of
 * this can be reached from the network or by configuration.
 *
 * A fault is set, strikes so many requests, and is over; one that never struck is told by assertAllFired(), so that no
 * test passes because nothing went wrong.
 */
import { closest } from "../../config/near_miss.ts";
import type { RequestContext } from "../../handlers/handler.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Api } from "../../protocol/schema.ts";
import { namesTopics } from "./error_answers.ts";

/** The name of an error as Kafka has it: "NOT_LEADER_OR_FOLLOWER". */
export type ErrorName = Exclude<keyof typeof ErrorCode, "NONE">;

/** Which requests fail, and how. At least one of `errorCode`, `delayMs` and `disconnect` is needed. */
export interface FaultRule {
  /** The API as Kafka names it: "Produce", "Fetch", "OffsetCommit", "JoinGroup". */
  readonly api: string;
  /** Of requests that name it; the other topics of the same request are served. Undefined: whatever they name. */
  readonly topic?: string;
  /** Of that topic; undefined: each. */
  readonly partition?: number;
  /** Of clients that call themselves so (client.id). */
  readonly clientId?: string;
  /** What is answered instead, in the place that the API and its version have for it. The request is not carried out. */
  readonly errorCode?: ErrorName | number;
  /** How long the request is held up first, by the broker's clock, which may be advanced; and what its connection sent behind it. */
  readonly delayMs?: number;
  /** The connection ends: before the request is carried out (true), or once it was, so that its answer is lost ("after"). */
  readonly disconnect?: boolean | "after";
  /** How many requests it strikes; 1 unless told otherwise, Infinity until it is removed. */
  readonly count?: number;
}

/** A fault that was set. */
export interface Fault {
  /** How many requests it struck. */
  readonly fired: number;
  /** It strikes no more. May be called again. */
  remove(): void;
  /** The same, for `using`. */
  [Symbol.dispose](): void;
}

/** Of a partition without a leader, or a full disk: what it takes back takes a while. */
export interface LastingFault {
  /** How many requests met with it. */
  readonly fired: number;
  /** All is well again. May be called again. */
  remove(): Promise<void>;
  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How the broker is brought into the conditions. */
export interface Conditions {
  /** Throws RangeError where there is no such partition. */
  setLeader(topic: string, partition: number, isLed: boolean): Promise<void>;
  /** Throws where no floor is kept. */
  setDiskFull(isFull: boolean): void;
}

/** What a test sets. */
export interface Faults {
  /**
   * The next requests that the rule is about fail. Of several rules for the same request the one that was set first
   * strikes. Throws TypeError for a rule that cannot strike: an API or error that there is none of, a topic for an API that
   * names none.
   *
   * @example
   * ```ts
   * import { Broker, Producer } from "runnel";
   *
   * await using broker = await Broker.start();
   * await using producer = new Producer({ bootstrap: broker.address, allowAutoTopicCreation: true });
   * broker.faults.next({
   *   api: "Produce",
   *   topic: "orders",
   *   errorCode: "NOT_ENOUGH_REPLICAS",
   *   count: 2,
   * });
   * await producer.send({ topic: "orders", value: "7 apples" }); // the third time it is taken
   * broker.faults.assertAllFired();
   * ```
   */
  next(rule: FaultRule): Fault;

  /**
   * A partition has no leader until that is taken back: Metadata says so (5), and who asks the broker for it is answered
   * NOT_LEADER_OR_FOLLOWER (6), as with Kafka. Both begin a leader epoch. Rejects with RangeError where there is no such partition.
   *
   * @example
   * ```ts
   * import { Admin, Broker, Producer } from "runnel";
   *
   * await using broker = await Broker.start();
   * using admin = new Admin({ bootstrap: broker.address });
   * await admin.createTopics([{ name: "orders", partitions: 1 }]);
   * await using producer = new Producer({ bootstrap: broker.address });
   * const leaderless = await broker.faults.leaderless("orders", 0);
   * const sent = producer.send({ topic: "orders", value: "7 apples" });
   * while (leaderless.fired === 0) await new Promise((resolve) => setTimeout(resolve, 5));
   * await leaderless.remove();
   * await sent; // to the leader that there is again
   * ```
   */
  leaderless(topic: string, partition?: number): Promise<LastingFault>;

  /**
   * The disk is full until that is taken back: producers are refused with KAFKA_STORAGE_ERROR (56), and everything that
   * reads, commits and deletes goes on, as under `storage.min_free_bytes`. Throws where that is 0.
   */
  diskFull(): LastingFault;

  /** Throws an error that names every fault which struck fewer requests than it was to, since the start or the last clear(). */
  assertAllFired(): void;

  /** Takes all faults back, and forgets them. */
  clear(): Promise<void>;
}

export class FaultSet implements Faults {
  readonly #apis: readonly Api[];
  readonly #conditions: Conditions;
  readonly #set = new Set<SetFault>();
  readonly #lasting = new Set<SetLasting>();
  /** Those that are over, for assertAllFired(). */
  readonly #removed = new Set<SetFault | SetLasting>();

  constructor(apis: readonly Api[], conditions: Conditions) {
    this.#apis = apis;
    this.#conditions = conditions;
  }

  next(rule: FaultRule): Fault {
    const fault = new SetFault(rule, this.#apis, () => this.#over(fault));
    this.#set.add(fault);
    return fault;
  }

  async leaderless(topic: string, partition = 0): Promise<LastingFault> {
    await this.#conditions.setLeader(topic, partition, false);
    return this.#lasts(
      { what: `${topic}-${partition} without a leader`, topic, partition },
      () => this.#conditions.setLeader(topic, partition, true),
    );
  }

  diskFull(): LastingFault {
    this.#conditions.setDiskFull(true);
    return this.#lasts({ what: "a full disk" }, async () => this.#conditions.setDiskFull(false));
  }

  assertAllFired(): void {
    const idle = [...this.#removed, ...this.#set, ...this.#lasting].filter(({ isDone }) => !isDone);
    if (idle.length === 0) return;
    throw new Error(`Faults that did not fire: ${idle.map(String).join("; ")}`);
  }

  async clear(): Promise<void> {
    for (const fault of [...this.#set]) fault.remove();
    await Promise.all([...this.#lasting].map((condition) => condition.remove()));
    this.#removed.clear();
  }

  /** Whether nothing is set: the one question that a request costs. */
  get isIdle(): boolean {
    return this.#set.size === 0 && this.#lasting.size === 0;
  }

  /** The first rule that may be about a request: it strikes where `strikes` is answered with true. */
  take(
    api: Api,
    { clientId }: RequestContext,
    strikes: (rule: Rule) => boolean,
  ): Rule | null {
    for (const fault of this.#set) {
      const { rule } = fault;
      if (rule.api !== api.name || rule.clientId !== undefined && rule.clientId !== clientId) {
        continue;
      }
      if (!strikes(rule)) continue;
      fault.fired++;
      if (fault.fired >= rule.count) this.#over(fault);
      return rule;
    }
    return null;
  }

  /** What lasts: each notes whether a request met with it. */
  get lasting(): Iterable<{ readonly topic?: string; readonly partition?: number; fired: number }> {
    return this.#lasting;
  }

  #over(fault: SetFault): void {
    if (this.#set.delete(fault)) this.#removed.add(fault);
  }

  #lasts(
    of: Pick<SetLasting, "what" | "topic" | "partition">,
    end: () => Promise<void>,
  ): LastingFault {
    const condition = new SetLasting(of, async () => {
      if (!this.#lasting.delete(condition)) return;
      const lastsOn = [...this.#lasting].some(({ what }) => what === of.what);
      try {
        if (!lastsOn) await end();
      } catch (error) {
        this.#lasting.add(condition);
        throw error;
      }
      this.#removed.add(condition);
    });
    this.#lasting.add(condition);
    return condition;
  }
}

/** A rule as it is looked at. */
export interface Rule {
  readonly api: string;
  readonly topic: string | undefined;
  readonly partition: number | undefined;
  readonly clientId: string | undefined;
  readonly errorCode: number | null;
  readonly delayMs: number;
  readonly disconnect: boolean | "after";
  readonly count: number;
}

class SetFault implements Fault {
  fired = 0;
  readonly rule: Rule;
  readonly remove: () => void;

  constructor(rule: FaultRule, apis: readonly Api[], remove: () => void) {
    this.rule = ruleOf(rule, apis);
    this.remove = remove;
  }

  get isDone(): boolean {
    const { count } = this.rule;
    return count === Infinity ? this.fired > 0 : this.fired >= count;
  }

  [Symbol.dispose](): void {
    this.remove();
  }

  toString(): string {
    const { api, topic, partition, count } = this.rule;
    const place = topic === undefined
      ? ""
      : ` of ${topic}${partition === undefined ? "" : `-${partition}`}`;
    const of = count === Infinity ? "" : ` of ${count}`;
    return `${api}${place} (${this.fired}${of} times)`;
  }
}

class SetLasting implements LastingFault {
  fired = 0;
  readonly what: string;
  readonly topic?: string;
  readonly partition?: number;
  readonly remove: () => Promise<void>;

  constructor(
    { what, topic, partition }: Pick<SetLasting, "what" | "topic" | "partition">,
    remove: () => Promise<void>,
  ) {
    this.what = what;
    this.topic = topic;
    this.partition = partition;
    this.remove = remove;
  }

  get isDone(): boolean {
    return this.fired > 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.remove();
  }

  toString(): string {
    return `${this.what} (0 times)`;
  }
}

const FIELDS = [
  "api",
  "topic",
  "partition",
  "clientId",
  "errorCode",
  "delayMs",
  "disconnect",
  "count",
];

function ruleOf(given: FaultRule, apis: readonly Api[]): Rule {
  const unknown = Object.keys(given).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) throw new TypeError(`A fault has no ${unknown}: ${FIELDS.join(", ")}`);
  const { api, topic, partition, clientId, delayMs = 0, disconnect = false, count = 1 } = given;
  const found = apis.find(({ name }) => name === api);
  if (found === undefined) {
    const meant = closest(String(api), apis.map(({ name }) => name));
    throw new TypeError(`Unknown API ${api}${meant === null ? "" : `: is ${meant} meant?`}`);
  }
  if (topic !== undefined && !namesTopics(found)) {
    throw new TypeError(`${api} names no topics: a fault of topic ${topic} cannot fire`);
  }
  if (partition !== undefined && topic === undefined) {
    throw new TypeError(`A fault of partition ${partition} needs its topic`);
  }
  const errorCode = given.errorCode === undefined ? null : codeOf(given.errorCode);
  if (errorCode === null && delayMs === 0 && disconnect === false) {
    throw new TypeError(`A fault needs errorCode, delayMs or disconnect, not ${text(given)}`);
  }
  if (errorCode !== null && disconnect !== false) {
    throw new TypeError(`A connection that ends has no error to answer: ${text(given)}`);
  }
  if (!(delayMs >= 0 && delayMs <= MAX_DELAY_MS)) {
    throw new TypeError(`delayMs is 0 to ${MAX_DELAY_MS}, not ${delayMs}`);
  }
  if (!(count >= 1 && (Number.isInteger(count) || count === Infinity))) {
    throw new TypeError(`count is a whole number from 1 on, or Infinity, not ${count}`);
  }
  return { api, topic, partition, clientId, errorCode, delayMs, disconnect, count };
}

function codeOf(given: ErrorName | number): number {
  const code = typeof given === "number" ? given : ErrorCode[given];
  if (code === undefined) {
    const meant = closest(String(given), Object.keys(ErrorCode));
    throw new TypeError(`Unknown error ${given}${meant === null ? "" : `: is ${meant} meant?`}`);
  }
  if (!Number.isInteger(code) || code === ErrorCode.NONE || code < -1 || code > MAX_INT16) {
    throw new TypeError(`errorCode is an error of Kafka's, not ${given}`);
  }
  return code;
}

/** As it was given, Infinity too, which is none in JSON. */
function text(rule: FaultRule): string {
  return JSON.stringify(rule, (_, value) => value === Infinity ? "Infinity" : value);
}

const MAX_INT16 = 0x7fff;
const MAX_DELAY_MS = 24 * 3_600_000;
