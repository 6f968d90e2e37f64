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
  /** What a request asks to change, before it is handled; nothing: it changes nothing. */
  readonly items: (request: Request, asked: AskedChange) => Item<Response>[];
  /** Whether a request changes anything, where that is known without its items, which may be very many; absent: if there are some. */
  readonly isChange?: (request: Request) => boolean;
  /** What the answer knows besides. */
  readonly more?: (answer: Response) => Outcome[];
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
  items: readonly Item<unknown>[],
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

/**
 * The code of the entry that has a key, null where there is none: an index is made of an answer once. The last one counts where a key stands
 * there twice.
 */
export function indexed<Response extends object>(
  entriesOf: (answer: Response) => Iterable<readonly [key: string, errorCode: number | undefined]>,
): (key: string) => (answer: Response) => number | null {
  let known: { readonly answer: Response; readonly codes: Map<string, number> } | null = null;
  return (key) => (answer) => {
    if (known?.answer !== answer) {
      const codes = new Map<string, number>();
      for (const [name, errorCode] of entriesOf(answer)) codes.set(name, errorCode ?? 0);
      known = { answer, codes };
    }
    return known.codes.get(key) ?? null;
  };
}

export function partitionName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}
