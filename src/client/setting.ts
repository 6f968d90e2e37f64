/**
 * Setting: many changes of one kind at a time, each with what became of it: topics, partitions, configs, users, quotas,
 * ACLs. Where the API has it, `validateOnly` asks whether it would be done. What was asked for twice, as an answer was
 * lost, counts as done where it takes something away, and as refused where it makes a topic that is there then.
 */
import { ZERO_UUID } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { AlterClientQuotas } from "../protocol/messages/alter_client_quotas.ts";
import { AlterUserScramCredentials } from "../protocol/messages/alter_user_scram_credentials.ts";
import { CreateAcls } from "../protocol/messages/create_acls.ts";
import { CreatePartitions } from "../protocol/messages/create_partitions.ts";
import { CreateTopics } from "../protocol/messages/create_topics.ts";
import { DeleteAcls } from "../protocol/messages/delete_acls.ts";
import { DeleteTopics } from "../protocol/messages/delete_topics.ts";
import { IncrementalAlterConfigs } from "../protocol/messages/incremental_alter_configs.ts";
import type { ConfigResource, NewTopic } from "./admin.ts";
import { type Asking, inBatches, type Outcome } from "./asking.ts";
import { KafkaError } from "./errors.ts";
import type { AclSet, QuotaSet } from "./settings.ts";

interface Whether {
  readonly validateOnly?: boolean;
}

const TIMEOUT_MS = 30_000;
/** Things in a request. */
const TOPICS = 100, OTHERS = 200;

export function makeTopics(
  asking: Asking,
  topics: readonly NewTopic[],
  { validateOnly = false }: Whether = {},
): Promise<Outcome[]> {
  return inBatches(asking, topics, TOPICS, async (some) => {
    const answer = await asking.ask(CreateTopics, () => ({
      topics: some.map(({ name, partitions = -1, replicationFactor = -1, configs = {} }) => ({
        name,
        numPartitions: partitions,
        replicationFactor,
        configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
      })),
      timeoutMs: TIMEOUT_MS,
      validateOnly,
    }));
    return byName(some, answer.topics, "create topic");
  });
}

export function growTopics(
  asking: Asking,
  topics: readonly { readonly name: string; readonly count: number }[],
  { validateOnly = false }: Whether = {},
): Promise<Outcome[]> {
  return inBatches(asking, topics, TOPICS, async (some) => {
    const answer = await asking.ask(CreatePartitions, () => ({
      topics: some.map(({ name, count }) => ({ name, count, assignments: null })),
      timeoutMs: TIMEOUT_MS,
      validateOnly,
    }));
    return byName(some, answer.results, "partitions of topic");
  });
}

export function removeTopics(asking: Asking, names: readonly string[]): Promise<Outcome[]> {
  return inBatches(asking, names.map((name) => ({ name })), TOPICS, async (some) => {
    const answer = await asking.ask(DeleteTopics, (version) => ({
      ...version >= 6
        ? { topics: some.map(({ name }) => ({ name, topicId: ZERO_UUID })) }
        : { topicNames: some.map(({ name }) => name) },
      timeoutMs: TIMEOUT_MS,
    }));
    const gone = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return byName(some, answer.responses, "delete topic").map((one) => without(gone, one));
  });
}

const RESOURCE_TYPES = { topic: 2, broker: 4, client: 16, group: 32 } as const;
const SET = 0, DELETE = 1;

export interface ConfigChange {
  readonly resource: ConfigResource;
  /** Null takes one back to its default. */
  readonly configs: ReadonlyMap<string, string | null>;
}

export function setConfigs(
  asking: Asking,
  changes: readonly ConfigChange[],
  { validateOnly = false }: Whether = {},
): Promise<Outcome[]> {
  return inBatches(asking, changes, OTHERS, async (some) => {
    const { responses } = await asking.ask(IncrementalAlterConfigs, () => ({
      resources: some.map(({ resource: { type, name }, configs }) => ({
        resourceType: RESOURCE_TYPES[type],
        resourceName: name,
        configs: [...configs].map(([name, value]) => ({
          name,
          value,
          configOperation: value === null ? DELETE : SET,
        })),
      })),
      validateOnly,
    }));
    return some.map(({ resource: { type, name } }) => {
      const answer = responses.find((one) =>
        one.resourceType === RESOURCE_TYPES[type] && one.resourceName === name
      );
      return outcomeOf(answer, `configs of ${type} ${name || "default"}`);
    });
  });
}

export interface QuotaChange {
  readonly entity: QuotaSet["entity"];
  /** Null removes one. */
  readonly values: ReadonlyMap<string, number | null>;
}

export function setQuotas(
  asking: Asking,
  changes: readonly QuotaChange[],
  { validateOnly = false }: Whether = {},
): Promise<Outcome[]> {
  return inBatches(asking, changes, OTHERS, async (some) => {
    const { entries } = await asking.ask(AlterClientQuotas, () => ({
      entries: some.map(({ entity, values }) => ({
        entity,
        ops: [...values].map(([key, value]) => ({
          key,
          value: value ?? 0,
          remove: value === null,
        })),
      })),
      validateOnly,
    }));
    const key = (entity: QuotaSet["entity"]) =>
      JSON.stringify(entity.map((part) => [part.entityType, part.entityName]).sort());
    return some.map(({ entity }) => {
      const answer = entries.find((one) => key(one.entity) === key(entity));
      return outcomeOf(answer, `quotas of ${entity.map((part) => part.entityName).join(" with ")}`);
    });
  });
}

export interface NewCredential {
  readonly name: string;
  /** 1: SCRAM-SHA-256, 2: SCRAM-SHA-512. */
  readonly mechanism: number;
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly saltedPassword: Uint8Array;
}

/** A user may be named once in a request, so each of its mechanisms takes one. */
export function setCredentials(
  asking: Asking,
  credentials: readonly NewCredential[],
): Promise<Outcome[]> {
  return inBatches(asking, credentials, 1, async ([credential]) => {
    const { results: [answer] } = await asking.ask(AlterUserScramCredentials, () => ({
      deletions: [],
      upsertions: [credential],
    }));
    return [outcomeOf(answer, `user ${credential.name}`)];
  });
}

export function removeCredentials(
  asking: Asking,
  credentials: readonly { readonly name: string; readonly mechanism: number }[],
): Promise<Outcome[]> {
  return inBatches(asking, credentials, 1, async ([{ name, mechanism }]) => {
    const { results: [answer] } = await asking.ask(AlterUserScramCredentials, () => ({
      deletions: [{ name, mechanism }],
      upsertions: [],
    }));
    return [without(ErrorCode.RESOURCE_NOT_FOUND, outcomeOf(answer, `user ${name}`))];
  });
}

export function addAcls(asking: Asking, acls: readonly AclSet[]): Promise<Outcome[]> {
  return inBatches(asking, acls, OTHERS, async (some) => {
    const { results } = await asking.ask(CreateAcls, () => ({
      creations: some.map(({ patternType, ...acl }) => ({
        ...acl,
        resourcePatternType: patternType,
      })),
    }));
    return some.map((_, at) => outcomeOf(results[at], "the ACL"));
  });
}

export function removeAcls(asking: Asking, acls: readonly AclSet[]): Promise<Outcome[]> {
  return inBatches(asking, acls, OTHERS, async (some) => {
    const { filterResults } = await asking.ask(DeleteAcls, () => ({
      filters: some.map((acl) => ({
        resourceTypeFilter: acl.resourceType,
        resourceNameFilter: acl.resourceName,
        patternTypeFilter: acl.patternType,
        principalFilter: acl.principal,
        hostFilter: acl.host,
        operation: acl.operation,
        permissionType: acl.permissionType,
      })),
    }));
    return some.map((_, at) => outcomeOf(filterResults[at], "the ACL"));
  });
}

interface Answer {
  readonly errorCode: number;
  readonly errorMessage?: string | null;
}

function byName(
  asked: readonly { readonly name: string }[],
  answers: readonly (Answer & { readonly name: string | null })[],
  what: string,
): Outcome[] {
  const found = new Map(answers.map((answer) => [answer.name, answer]));
  return asked.map(({ name }) => outcomeOf(found.get(name), `${what} ${name}`));
}

function outcomeOf(answer: Answer | undefined, about: string): Outcome {
  if (answer === undefined) throw new Error(`${about}: the broker left it out of its answer`);
  const { errorCode, errorMessage } = answer;
  return errorCode === ErrorCode.NONE ? null : new KafkaError(errorCode, about, errorMessage);
}

/** Where this is the error, it was done before. */
function without(code: number, outcome: Outcome): Outcome {
  return outcome?.code === code ? null : outcome;
}
