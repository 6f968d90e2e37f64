/** What `runnel txn` was asked for, out of its arguments. */
import type { TransactionFilters } from "../client/transactions.ts";
import { ConfigError } from "../config/load.ts";
import {
  actionOf,
  BOOTSTRAP_FLAGS,
  bootstrapOf,
  clientSecurityOf,
  commandArguments,
  configOf,
  misused,
} from "./arguments.ts";
import type { ClientSecurity } from "./client_config.ts";

export type TxnAsked =
  & { readonly bootstrap: string; readonly security: ClientSecurity }
  & (
    | { readonly action: "list"; readonly filters: TransactionFilters }
    | { readonly action: "describe" | "abort"; readonly transactionalId: string }
    | {
      readonly action: "find-hanging";
      readonly topic: string | null;
      readonly partition: number | null;
      readonly longerThanMs: number;
    }
    | { readonly action: "abort in partition" } & PartitionAbort
  );

/** One transaction in one partition: by where it begins, or by what its marker is to say. */
export interface PartitionAbort {
  readonly topic: string;
  readonly partition: number;
  readonly of:
    | { readonly startOffset: number }
    | {
      readonly producerId: number;
      readonly producerEpoch: number;
      readonly coordinatorEpoch: number;
    };
  readonly isForced: boolean;
}

const WHOLE = "a whole number";
const FLAGS = {
  ...BOOTSTRAP_FLAGS,
  "--state": "one or more, with commas between",
  "--longer-than": "seconds",
  "--pattern": "a regular expression",
  "--producer-id": WHOLE,
  "--topic": "a name",
  "--partition": WHOLE,
  "--start-offset": WHOLE,
  "--producer-epoch": WHOLE,
  "--coordinator-epoch": WHOLE,
  "--force": null,
} as const;
type Flag = keyof typeof FLAGS;

const ACTIONS = ["list", "describe", "find-hanging", "abort"] as const;

/** Which of the flags an action has, beside those that say where the broker is. */
const FLAGS_OF: Readonly<Record<typeof ACTIONS[number], readonly Flag[]>> = {
  "list": ["--state", "--longer-than", "--pattern", "--producer-id"],
  "describe": [],
  "find-hanging": ["--topic", "--partition", "--longer-than"],
  "abort": [
    "--topic",
    "--partition",
    "--start-offset",
    "--producer-id",
    "--producer-epoch",
    "--coordinator-epoch",
    "--force",
  ],
};

/** Kafka's largest transaction.max.timeout.ms by default: what is open for longer was to be aborted before. */
const HANGING_AFTER_S = "900";

/** Throws ConfigError. */
export async function parsedTxn(args: readonly string[]): Promise<TxnAsked> {
  const { words, own, rest } = commandArguments("txn", args, FLAGS);
  const [given, id, ...more] = words;
  const action = actionOf("txn", given, ACTIONS);
  for (const flag of own.keys()) {
    if (flag in BOOTSTRAP_FLAGS || FLAGS_OF[action].includes(flag as Flag)) continue;
    throw misused("txn", `${action} does not take ${flag}`, action);
  }
  const takesId = action === "describe" || action === "abort" && !own.has("--topic");
  const surplus = takesId ? more[0] : id;
  if (surplus !== undefined) throw misused("txn", `${action} does not take "${surplus}"`, action);
  if (takesId && (id === undefined || id === "")) {
    const or = action === "abort" ? ", or --topic, --partition and --start-offset" : "";
    throw misused("txn", `${action} needs ID, a transactional id${or}`, action);
  }
  const only = action === "abort" && takesId
    ? [...own.keys()].find((flag) => !(flag in BOOTSTRAP_FLAGS))
    : undefined;
  if (only !== undefined) throw misused("txn", `abort takes ${only} with --topic only`, action);
  const config = await configOf(rest);
  const reached = { bootstrap: bootstrapOf(own, config), security: clientSecurityOf(own, config) };
  if (action === "list") return { action, ...reached, filters: filtersOf(own) };
  if (action === "find-hanging") {
    const topic = own.get("--topic") ?? null, partition = wholeOf(own, "--partition");
    if (partition !== null && topic === null) {
      throw misused("txn", "--partition needs --topic", action);
    }
    return { action, ...reached, topic, partition, longerThanMs: msOf(own, HANGING_AFTER_S)! };
  }
  if (takesId) return { action, ...reached, transactionalId: id };
  return { action: "abort in partition", ...reached, ...partitionAbortOf(own) };
}

function filtersOf(own: ReadonlyMap<string, string>): TransactionFilters {
  const states = own.get("--state")?.split(",").map((state) => state.trim());
  if (states?.includes("")) {
    throw new ConfigError(`txn: --state ${own.get("--state") || '""'}: a state is empty`);
  }
  const producerId = wholeOf(own, "--producer-id"), longerThanMs = msOf(own);
  const pattern = own.get("--pattern");
  return {
    ...states === undefined ? {} : { states },
    ...producerId === null ? {} : { producerIds: [producerId] },
    ...longerThanMs === null ? {} : { longerThanMs },
    ...pattern === undefined ? {} : { pattern },
  };
}

function partitionAbortOf(own: ReadonlyMap<string, string>): PartitionAbort {
  const partition = wholeOf(own, "--partition"), startOffset = wholeOf(own, "--start-offset");
  const producerId = wholeOf(own, "--producer-id"),
    producerEpoch = wholeOf(own, "--producer-epoch", MAX_INT16);
  // -1 is what a partition has of a producer that never had a marker.
  const coordinatorEpoch = wholeOf(own, "--coordinator-epoch", MAX_INT32, -1);
  if (partition === null) throw misused("txn", "abort with --topic needs --partition", "abort");
  const ofProducer = [producerId, producerEpoch, coordinatorEpoch].filter((one) => one !== null);
  if (startOffset === null ? ofProducer.length < 3 : ofProducer.length > 0) {
    throw misused(
      "txn",
      "abort with --topic needs --start-offset, or --producer-id, --producer-epoch and --coordinator-epoch",
      "abort",
    );
  }
  return {
    topic: own.get("--topic")!,
    partition,
    of: startOffset !== null ? { startOffset } : {
      producerId: producerId!,
      producerEpoch: producerEpoch!,
      coordinatorEpoch: coordinatorEpoch!,
    },
    isForced: own.get("--force") === "true",
  };
}

const MAX_INT16 = 0x7fff;
const MAX_INT32 = 0x7fffffff;

function wholeOf(
  own: ReadonlyMap<string, string>,
  flag: Flag,
  max: number = flag === "--partition" ? MAX_INT32 : Number.MAX_SAFE_INTEGER,
  min = 0,
): number | null {
  const text = own.get(flag);
  if (text === undefined) return null;
  const value = Number(text);
  if (/^-?\d+$/.test(text) && value >= min && value <= max) return value;
  throw new ConfigError(`txn: ${flag} ${text || '""'}: needs a whole number, ${min} to ${max}`);
}

function msOf(own: ReadonlyMap<string, string>, otherwise?: string): number | null {
  const text = own.get("--longer-than") ?? otherwise;
  if (text === undefined) return null;
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds <= MAX_S) return Math.round(seconds * 1000);
  throw new ConfigError(`txn: --longer-than ${text || '""'}: needs seconds, 0 to ${MAX_S}`);
}

/** A hundred years. */
const MAX_S = 3_153_600_000;
