/**
 * Change: how one API changes something: what a request of it is about, how its answer says how that went, and how it is
 * refused while nothing can be written of it.
 */
import type { Uuid } from "../../bytes/uuid.ts";
import type { Api, Decoded, Encodable, Fields, Message } from "../../protocol/schema.ts";
import type { Outcome, Subject } from "../event.ts";

/** What is known beside the request. */
export interface AskedChange {
  readonly apiVersion: number;
  readonly clientId: string | null;
  readonly topics: KnownTopics;
}

export interface KnownTopics {
  /** The name of a topic by its id; undefined where there is none. */
  nameOf(topicId: Uuid): string | undefined;
  has(name: string): boolean;
  /** Whether asking for a topic makes it. */
  readonly areMadeWhenAskedFor: boolean;
}

/** What is answered instead of a change. */
export interface Refusal {
  readonly errorCode: number;
  readonly errorMessage: string;
}

/** Of something that was asked for; `codeOf` gives Kafka's code out of the answer, null where it says nothing of it. */
export interface Item<Response> extends Subject {
  readonly codeOf: (answer: Response) => number | null;
}

interface Spec<Request, Response> {
  readonly action: string;
  /** For docs/audit.md: what is changed, and when a request of this API counts as a change. */
  readonly doc: string;
  /** What a request asks to change, before it is handled, made one by one; nothing: it changes nothing. */
  readonly items: (request: Request, asked: AskedChange) => Iterable<Item<Response>>;
  /** Whether a request changes anything, where that is known without its items, which may be very many; absent: if there are some. */
  readonly isChange?: (request: Request) => boolean;
  /** What the answer knows besides. */
  readonly more?: (answer: Response) => Iterable<Outcome>;
  /** Whether something that went so belongs into the audit; absent: always. */
  readonly counts?: (errorCode: number | null) => boolean;
  /** The answer to a request that is refused; or, with `without`, the request without what it would change. */
  readonly refuse?: (request: Request, refusal: Refusal, apiVersion: number) => Response;
  readonly without?: (request: Request) => Request;
}

export interface Change {
  readonly api: Api;
  readonly action: string;
  readonly doc: string;
  // deno-lint-ignore no-explicit-any -- the types meet in change(), where they are known
  readonly spec: Spec<any, any>;
}

/** Ties an API to what it changes, with the types of its request and answer checked. */
export function change<Q extends Fields, R extends Fields>(
  api: Api<Q, R>,
  spec: Spec<Decoded<Message<Q>>, Encodable<Message<R>>>,
): Change {
  return { api: api as unknown as Api, action: spec.action, doc: spec.doc, spec };
}

/** How it went with all of it; `answer` is null where there was none. */
export function* outcomesOf(
  { spec: { counts, more } }: Change,
  items: Iterable<Item<unknown>>,
  answer: object | null,
): Generator<Outcome> {
  for (const { type, name, change, codeOf } of items) {
    const errorCode = answer === null ? null : codeOf(answer);
    if (counts !== undefined && !counts(errorCode)) continue;
    yield change === undefined ? { type, name, errorCode } : { type, name, change, errorCode };
  }
  for (const outcome of answer === null ? [] : more?.(answer) ?? []) {
    if (counts === undefined || counts(outcome.errorCode)) yield outcome;
  }
}

/** Of everything, made when it is asked for: a request may name very much. */
export function* each<One, Made>(
  all: readonly One[],
  make: (one: One, index: number) => Made,
): Generator<Made> {
  for (let i = 0; i < all.length; i++) yield make(all[i], i);
}

/** The same of every part of everything. */
export function* eachOf<One, Part, Made>(
  all: readonly One[],
  partsOf: (one: One) => readonly Part[],
  make: (one: One, part: Part) => Made,
): Generator<Made> {
  for (const one of all) for (const part of partsOf(one)) yield make(one, part);
}

/**
 * The code of the entry that has a key, null where there is none. Answers are in the order of what was asked, mostly: the
 * entries are looked through once, as far as it takes, so that no turn has all of them. Where a key stands there twice, who
 * asks for it when it is next has that one.
 */
export function indexed<Response extends object>(
  entriesOf: (answer: Response) => Iterable<readonly [key: string, errorCode: number | undefined]>,
): (key: string) => (answer: Response) => number | null {
  let known: { readonly answer: Response; readonly codes: Codes } | null = null;
  return (key) => (answer) => {
    if (known?.answer !== answer) known = { answer, codes: new Codes(entriesOf(answer)) };
    return known.codes.of(key);
  };
}

class Codes {
  readonly #known = new Map<string, number>();
  readonly #left: Iterator<readonly [key: string, errorCode: number | undefined]>;
  #next: IteratorResult<readonly [key: string, errorCode: number | undefined]>;

  constructor(entries: Iterable<readonly [key: string, errorCode: number | undefined]>) {
    this.#left = entries[Symbol.iterator]();
    this.#next = this.#left.next();
  }

  of(key: string): number | null {
    const isNext = () => !this.#next.done && this.#next.value[0] === key;
    if (!isNext() && this.#known.has(key)) return this.#known.get(key)!;
    while (!this.#next.done && !isNext()) this.#take();
    if (isNext()) this.#take();
    return this.#known.get(key) ?? null;
  }

  #take(): void {
    const [key, errorCode = 0] = this.#next.value;
    this.#known.set(key, errorCode);
    this.#next = this.#left.next();
  }
}

export function partitionName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

interface AnsweredPartition {
  readonly partitionIndex?: number;
  readonly errorCode?: number;
}

interface AnsweredTopic {
  readonly name?: string;
  readonly partitions?: readonly AnsweredPartition[];
}

/** What an answer has of each partition, for indexed(). */
export function partitionCodes(
  topics: readonly AnsweredTopic[] = [],
): Iterable<readonly [partition: string, errorCode: number | undefined]> {
  return eachOf(
    topics,
    ({ partitions = [] }) => partitions,
    ({ name = "" }, { partitionIndex = 0, errorCode }) =>
      [partitionName(name, partitionIndex), errorCode] as const,
  );
}
