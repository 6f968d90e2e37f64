/**
 * Guard: what one API asks of the one who sends it, and how it is answered where that is not allowed.
 *
 * As in Kafka (KafkaApis, ControllerApis) a request is parted before its handler sees it: what is not allowed is
 * answered here, the rest goes on, and both come back as one answer. So handlers know of no ACLs, but for those whose
 * answer depends on them in the middle (Fetch, Metadata, DescribeTopicPartitions) and the fields of authorized operations.
 * Without an authorizer no guard is called.
 */
import type { Api, Decoded, Encodable, Fields, Message } from "../protocol/schema.ts";
import { type Answer, CLOSE, type Handler, NO_REPLY, type RequestContext } from "./handler.ts";

/** One right that an API may need: the operation and the type of resource. */
export interface Ask {
  readonly operation: number;
  readonly resourceType: number;
}

/** Answers the request, or what is left of it. */
type Rest<Request, Response> = (request: Request) => Answer<Response> | Promise<Answer<Response>>;

/** Called before the request's first await, and must call `rest` before its own: see Handle. */
export type Around<Request, Response> = (
  request: Request,
  context: RequestContext,
  rest: Rest<Request, Response>,
) => Answer<Response> | Promise<Answer<Response>>;

export interface Guard {
  readonly api: Api;
  /** Every right that the API may need; none: everybody who is in may ask. */
  readonly asks: readonly Ask[];
  /** Null where nothing is asked before the handler: nothing at all, or only by the handler itself. */
  // deno-lint-ignore no-explicit-any -- the types meet in guard(), where they are known
  readonly around: Around<any, any> | null;
}

/** Ties an API to what it asks, with the types of its request and answer checked. */
export function guard<Q extends Fields, R extends Fields>(
  api: Api<Q, R>,
  asks: readonly Ask[],
  around: Around<Decoded<Message<Q>>, Encodable<Message<R>>> | null = null,
): Guard {
  return { api: api as unknown as Api, asks, around };
}

/** The handlers with their guards. Throws for a handler without one: what nobody guards is not served. */
export function withGuards(handlers: readonly Handler[], guards: readonly Guard[]): Handler[] {
  const byKey = new Map(guards.map((guard) => [guard.api.key, guard]));
  return handlers.map((handler) => {
    const found = byKey.get(handler.api.key);
    if (found === undefined) throw new Error(`${handler.api.name} does not say what it asks`);
    return { ...handler, guard: found };
  });
}

/** The answer with more in it; where there is none, it stays that. */
export function completed<Response>(
  answer: Answer<Response> | Promise<Answer<Response>>,
  complete: (response: Response) => Response,
): Answer<Response> | Promise<Answer<Response>> {
  if (answer instanceof Promise) return answer.then((late) => completed(late, complete));
  return answer === NO_REPLY || answer === CLOSE ? answer : complete(answer);
}

/** What may go on, and what may not. */
export function parted<T>(
  items: readonly T[],
  may: (item: T) => boolean,
): { readonly allowed: T[]; readonly refused: T[] } {
  const allowed: T[] = [], refused: T[] = [];
  for (const item of items) (may(item) ? allowed : refused).push(item);
  return { allowed, refused };
}

/** Answers a request about topics: those that are allowed by `rest`, and behind them those that are refused. */
export function topicByTopic<
  Request extends { readonly topics: readonly unknown[] },
  Response extends { readonly topics?: readonly unknown[] },
>(
  request: Request,
  rest: Rest<Request, Response>,
  { may, refuse }: {
    readonly may: (topic: Request["topics"][number]) => boolean;
    /** What is answered of one that may not be asked for. */
    readonly refuse: (
      topic: Request["topics"][number],
    ) => NonNullable<Response["topics"]>[number];
  },
): Answer<Response> | Promise<Answer<Response>> {
  const { allowed, refused } = parted(request.topics, may);
  if (refused.length === 0) return rest(request);
  return completed(rest({ ...request, topics: allowed }), (answer) => ({
    ...answer,
    topics: [...answer.topics ?? [], ...refused.map(refuse)],
  }));
}
