/**
 * Carry out: the changes of a plan, in its order, alike ones in one request. Where the broker refuses one, those behind
 * its request are not begun: they may need it, and what is there already needs nothing when it is begun again.
 */
import type { Asking, Outcome } from "../../client/asking.ts";
import { KafkaError } from "../../client/errors.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import {
  addAcls,
  growTopics,
  makeTopics,
  type NewCredential,
  removeAcls,
  removeCredentials,
  removeTopics,
  setConfigs,
  setCredentials,
  setQuotas,
} from "../../client/setting.ts";
import {
  DEFAULT_ITERATIONS,
  hashOf,
  newSalt,
  saltedPassword,
} from "../../security/sasl/scram_credential.ts";
import type { Change, Values } from "./plan.ts";

/** Of a user, by name. */
export type Passwords = ReadonlyMap<string, string>;

export interface CarriedOut {
  readonly change: Change;
  /** "not begun": another before it was refused; "not known": no answer came. */
  readonly outcome: Outcome | "not begun" | "not known";
}

/**
 * What became of each, told as soon as it is known; `begin` hears of those that are asked for together before they are.
 * Throws what asking and `begin` throw, when all is told.
 */
export async function carryOut(
  asking: Asking,
  changes: readonly Change[],
  { passwords, tell, begin }: {
    readonly passwords: Passwords;
    readonly tell: (one: CarriedOut) => void;
    readonly begin?: (some: readonly Change[]) => void;
  },
): Promise<void> {
  let isEnded = false, failure: { readonly error: unknown } | null = null;
  for (const run of runsOf(changes)) {
    let outcomes: CarriedOut["outcome"][] = run.map(() => "not begun");
    try {
      if (!isEnded) {
        begin?.(run);
        outcomes = run.map(() => "not known");
        outcomes = await done(asking, run, passwords);
      }
    } catch (error) {
      failure = { error };
    }
    for (const [at, change] of run.entries()) tell({ change, outcome: outcomes[at] });
    isEnded ||= outcomes.some((outcome) => outcome !== null);
  }
  if (failure !== null) throw failure.error;
}

/**
 * What the broker would refuse, as far as its API can be asked that. Who only looks needs no right to change anything:
 * that such a one is missing is not told then.
 */
export async function refusalsOf(
  asking: Asking,
  changes: readonly Change[],
  { onlyLooks = false }: { readonly onlyLooks?: boolean } = {},
): Promise<string[]> {
  const refusals: string[] = [];
  for (const run of runsOf(changes)) {
    for (const outcome of await validated(asking, run)) {
      if (outcome === null || onlyLooks && isOfRights(outcome)) continue;
      refusals.push(outcome.message);
    }
  }
  return refusals;
}

function isOfRights(error: Error): boolean {
  return error instanceof KafkaError && (error.code === ErrorCode.TOPIC_AUTHORIZATION_FAILED ||
    error.code === ErrorCode.GROUP_AUTHORIZATION_FAILED ||
    error.code === ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
}

/** Changes that one request can ask for: nothing is in it twice. */
function runsOf(changes: readonly Change[]): Change[][] {
  const runs: Change[][] = [];
  let before = "";
  for (const change of changes) {
    const isUnset = "values" in change &&
      [...change.values.values()].some((one) => one.after === null);
    const what = `${change.kind}${isUnset ? " unset" : ""}`;
    if (what === before) runs.at(-1)!.push(change);
    else runs.push([change]);
    before = what;
  }
  return runs;
}

type Of<Kind extends Change["kind"]> = readonly Extract<Change, { kind: Kind }>[];

async function done(
  asking: Asking,
  run: readonly Change[],
  passwords: Passwords,
): Promise<Outcome[]> {
  switch (run[0].kind) {
    case "user":
      return await setCredentials(asking, await credentialsOf(run as Of<"user">, passwords));
    case "acl":
      return await addAcls(asking, (run as Of<"acl">).map(({ acl }) => acl));
    case "remove topic":
      return await removeTopics(asking, (run as Of<"remove topic">).map(({ name }) => name));
    case "remove user":
      return await removeCredentials(
        asking,
        (run as Of<"remove user">).map(({ name, mechanism }) => ({
          name,
          mechanism: hashOf(mechanism)!.number,
        })),
      );
    case "remove acl":
      return await removeAcls(asking, (run as Of<"remove acl">).map(({ acl }) => acl));
    default:
      return await asked(asking, run, false);
  }
}

async function validated(asking: Asking, run: readonly Change[]): Promise<Outcome[]> {
  const { kind } = run[0];
  const canBe = kind === "topic" || kind === "partitions" || kind === "configs" || kind === "quota";
  return canBe ? await asked(asking, run, true) : [];
}

/** Those whose API can be asked whether it would. */
async function asked(
  asking: Asking,
  run: readonly Change[],
  validateOnly: boolean,
): Promise<Outcome[]> {
  switch (run[0].kind) {
    case "topic":
      return await makeTopics(
        asking,
        (run as Of<"topic">).map(({ name, topic: { partitions, replicas, configs } }) => ({
          name,
          partitions: partitions ?? undefined,
          replicationFactor: replicas ?? undefined,
          configs: Object.fromEntries(configs) as Record<string, string>,
        })),
        { validateOnly },
      );
    case "partitions":
      return await growTopics(
        asking,
        (run as Of<"partitions">).map(({ name, after }) => ({ name, count: after })),
        { validateOnly },
      );
    case "configs":
      return await setConfigs(
        asking,
        (run as Of<"configs">).map(({ resource, values }) => ({
          resource,
          configs: afterOf(values),
        })),
        { validateOnly },
      );
    case "quota":
      return await setQuotas(
        asking,
        (run as Of<"quota">).map(({ entity, values }) => ({ entity, values: afterOf(values) })),
        { validateOnly },
      );
    default:
      throw new Error(`${run[0].kind} cannot be asked for so`);
  }
}

function afterOf<Value>(values: Values<Value>): Map<string, Value | null> {
  return new Map(Array.from(values, ([name, { after }]) => [name, after]));
}

async function credentialsOf(run: Of<"user">, passwords: Passwords): Promise<NewCredential[]> {
  const credentials: NewCredential[] = [];
  for (const { name, credential: { mechanism, before, after } } of run) {
    const hash = hashOf(mechanism)!, salt = newSalt();
    const iterations = after ?? before ?? DEFAULT_ITERATIONS;
    const password = new TextEncoder().encode(passwords.get(name)!);
    const salted = await saltedPassword(hash, { password, salt, iterations });
    credentials.push({ name, mechanism: hash.number, iterations, salt, saltedPassword: salted });
  }
  return credentials;
}
