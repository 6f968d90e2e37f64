/**
 * The group configs: what can be set on a single group, under Kafka's names, with its defaults and bounds (GroupConfig of
 * Kafka 4.4), and what consumer groups (KIP-848) are run by.
 *
 * Groups of the share and streams kinds are not served. Their configs are known all the same: checked, kept and shown, for
 * the tools that set them, and for a Kafka that takes the directory over.
 */
import type { Config } from "./options.ts";
import { configValueError, type TopicConfigSpec } from "./topic_configs.ts";

export interface GroupConfigSpec extends Omit<TopicConfigSpec, "hidden"> {
  /** What a broker lets a group set; of consumer groups the broker's options say. */
  readonly lowest?: number;
  readonly highest?: number;
  /** Kafka's own business: shown when it is set, as it was given. */
  readonly hidden?: true;
}

const SESSION = { type: "int", default: "45000", min: 1, lowest: 45_000, highest: 60_000 } as const;
const HEARTBEAT = { type: "int", default: "5000", min: 1, lowest: 5000, highest: 15_000 } as const;
const INTERVAL = { type: "int", default: "1000", min: 0, lowest: 0, highest: 15_000 } as const;
const OFFLOAD = { type: "boolean", default: "true", hidden: true } as const;

const table = {
  "consumer.assignment.interval.ms": {
    ...INTERVAL,
    synonyms: ["group.consumer.assignment.interval.ms"],
    doc: "The shortest time between two target assignments of the group.",
  },
  "consumer.assignor.offload.enable": {
    ...OFFLOAD,
    synonyms: ["group.consumer.assignor.offload.enable"],
    doc: "Whether a thread of its own computes assignments. Assignments are computed at once here.",
  },
  "consumer.heartbeat.interval.ms": {
    ...HEARTBEAT,
    synonyms: ["group.consumer.heartbeat.interval.ms"],
    doc: "How often the group's members are told to beat.",
  },
  "consumer.session.timeout.ms": {
    ...SESSION,
    synonyms: ["group.consumer.session.timeout.ms"],
    doc: "How long a member of the group may be silent before it is dropped.",
  },
  "errors.deadletterqueue.copy.record.enable": {
    type: "boolean",
    default: "false",
    synonyms: [],
    doc: "Of share groups: whether the dead-letter queue gets the record itself.",
  },
  "errors.deadletterqueue.topic.name": {
    type: "string",
    default: "",
    synonyms: [],
    doc: "Of share groups: the topic that is the dead-letter queue.",
  },
  "share.assignment.interval.ms": {
    ...INTERVAL,
    synonyms: ["group.share.assignment.interval.ms"],
    doc: "Of share groups: the shortest time between two assignments.",
  },
  "share.assignor.offload.enable": {
    ...OFFLOAD,
    synonyms: ["group.share.assignor.offload.enable"],
    doc: "Of share groups: whether a thread of its own computes assignments.",
  },
  "share.auto.offset.reset": {
    type: "string",
    default: "latest",
    synonyms: [],
    doc: "Of share groups: where to begin; earliest, latest or by_duration:PnDTnHnMn.nS.",
  },
  "share.delivery.count.limit": {
    type: "int",
    default: "5",
    min: 2,
    lowest: 2,
    highest: 10,
    synonyms: ["group.share.delivery.count.limit"],
    doc: "Of share groups: how often a record is delivered.",
  },
  "share.heartbeat.interval.ms": {
    ...HEARTBEAT,
    synonyms: ["group.share.heartbeat.interval.ms"],
    doc: "Of share groups: how often members are told to beat.",
  },
  "share.isolation.level": {
    type: "string",
    default: "read_uncommitted",
    allowed: ["read_committed", "read_uncommitted"],
    synonyms: [],
    doc: "Of share groups: whether records of open and aborted transactions are delivered.",
  },
  "share.partition.max.record.locks": {
    type: "int",
    default: "2000",
    min: 100,
    lowest: 100,
    highest: 4000,
    synonyms: ["group.share.partition.max.record.locks"],
    doc: "Of share groups: records of a partition that may be acquired at a time.",
  },
  "share.record.lock.duration.ms": {
    type: "int",
    default: "30000",
    min: 1000,
    lowest: 15_000,
    highest: 60_000,
    synonyms: ["group.share.record.lock.duration.ms"],
    doc: "Of share groups: how long a record stays acquired.",
  },
  "share.renew.acknowledge.enable": {
    type: "boolean",
    default: "true",
    synonyms: [],
    doc: "Of share groups: whether an acquisition may be renewed.",
  },
  "share.session.timeout.ms": {
    ...SESSION,
    synonyms: ["group.share.session.timeout.ms"],
    doc: "Of share groups: how long a member may be silent.",
  },
  "streams.acceptable.recovery.lag": {
    type: "long",
    default: "10000",
    min: 0,
    hidden: true,
    synonyms: ["group.streams.acceptable.recovery.lag"],
    doc: "Of streams groups: the lag at which a client counts as caught up.",
  },
  "streams.assignment.interval.ms": {
    ...INTERVAL,
    synonyms: ["group.streams.assignment.interval.ms"],
    doc: "Of streams groups: the shortest time between two assignments.",
  },
  "streams.assignor.name": {
    type: "string",
    default: "sticky",
    synonyms: ["group.streams.assignors"],
    doc: "Of streams groups: the assignor.",
  },
  "streams.assignor.offload.enable": {
    ...OFFLOAD,
    synonyms: ["group.streams.assignor.offload.enable"],
    doc: "Of streams groups: whether a thread of its own computes assignments.",
  },
  "streams.heartbeat.interval.ms": {
    ...HEARTBEAT,
    synonyms: ["group.streams.heartbeat.interval.ms"],
    doc: "Of streams groups: how often members are told to beat.",
  },
  "streams.initial.rebalance.delay.ms": {
    type: "int",
    default: "3000",
    min: 0,
    synonyms: ["group.streams.initial.rebalance.delay.ms"],
    doc: "Of streams groups: how long a new group waits for more members.",
  },
  "streams.num.standby.replicas": {
    type: "int",
    default: "0",
    min: 0,
    highest: 2,
    synonyms: ["group.streams.num.standby.replicas"],
    doc: "Of streams groups: standby replicas of a task.",
  },
  "streams.num.warmup.replicas": {
    type: "int",
    default: "2",
    min: 0,
    highest: 20,
    hidden: true,
    synonyms: ["group.streams.num.warmup.replicas"],
    doc: "Of streams groups: warmup replicas at most.",
  },
  "streams.rack.aware.assignment.tags": {
    type: "list",
    default: "",
    synonyms: ["group.streams.rack.aware.assignment.tags"],
    doc: "Of streams groups: client tags by which standby replicas are spread.",
  },
  "streams.session.timeout.ms": {
    ...SESSION,
    synonyms: ["group.streams.session.timeout.ms"],
    doc: "Of streams groups: how long a member may be silent.",
  },
  "streams.task.offset.interval.ms": {
    type: "int",
    default: "60000",
    min: 1,
    lowest: 15_000,
    hidden: true,
    synonyms: ["group.streams.task.offset.interval.ms"],
    doc: "Of streams groups: how often members tell the offsets of warmup tasks.",
  },
} as const satisfies Record<string, GroupConfigSpec>;

export const groupConfigs: Readonly<Record<string, GroupConfigSpec>> = table;

/** What `consumer` groups are run by, typed. */
export interface ConsumerGroupConfig {
  readonly assignmentIntervalMs: number;
  readonly heartbeatIntervalMs: number;
  readonly sessionTimeoutMs: number;
}

interface Bounds {
  readonly lowest?: number;
  readonly highest?: number;
}

/** What the broker lets a group set. */
function groupBounds(name: string, groups: Config["groups"]): Bounds {
  switch (name) {
    case "consumer.assignment.interval.ms":
      return {
        lowest: groups.consumerMinAssignmentIntervalMs,
        highest: groups.consumerMaxAssignmentIntervalMs,
      };
    case "consumer.heartbeat.interval.ms":
      return {
        lowest: groups.consumerMinHeartbeatIntervalMs,
        highest: groups.consumerMaxHeartbeatIntervalMs,
      };
    case "consumer.session.timeout.ms":
      return {
        lowest: groups.consumerMinSessionTimeoutMs,
        highest: groups.consumerMaxSessionTimeoutMs,
      };
    default:
      return groupConfigs[name];
  }
}

/**
 * A group's typed config: its overrides over what the broker says. One that was set while the broker's bounds were wider
 * counts as the nearest that they allow.
 */
export function resolveGroupConfig(
  overrides: ReadonlyMap<string, string>,
  broker: ConsumerGroupConfig,
  groups: Config["groups"],
): ConsumerGroupConfig {
  const value = (name: keyof typeof table, usual: number) => {
    const own = overrides.get(name);
    if (own === undefined) return usual;
    const { lowest = -Infinity, highest = Infinity } = groupBounds(name, groups);
    return Math.min(highest, Math.max(lowest, Number(own)));
  };
  return {
    assignmentIntervalMs: value("consumer.assignment.interval.ms", broker.assignmentIntervalMs),
    heartbeatIntervalMs: value("consumer.heartbeat.interval.ms", broker.heartbeatIntervalMs),
    sessionTimeoutMs: value("consumer.session.timeout.ms", broker.sessionTimeoutMs),
  };
}

/** What is wrong with `name = value` on a group, in Kafka's words, or null. */
export function groupConfigError(
  name: string,
  value: string,
  groups: Config["groups"],
): string | null {
  if (!Object.hasOwn(groupConfigs, name)) return `Unknown group config name: ${name}`;
  const spec = groupConfigs[name];
  const error = configValueError(spec, name, value);
  if (error !== null) return error;
  if (name === "share.auto.offset.reset" && !OFFSET_RESET.test(value)) {
    return `Invalid value ${value} for configuration ${name}: needs earliest, latest or by_duration:PnDTnHnMn.nS`;
  }
  if (name === "streams.assignor.name" && value !== spec.default) {
    return `Invalid value ${value} for configuration ${name}: needs ${spec.default}`;
  }
  const { lowest, highest } = groupBounds(name, groups);
  const isBelow = lowest !== undefined && Number(value) < lowest;
  const isAbove = highest !== undefined && Number(value) > highest;
  if (!isBelow && !isAbove) return null;
  if (lowest === undefined) return `${name} must be less than or equal to ${highest}`;
  if (highest === undefined) return `${name} must be greater than or equal to ${lowest}`;
  return `${name} must be in the range ${lowest} to ${highest} inclusive.`;
}

/** A duration of ISO 8601 with at least one part, as java.time.Duration reads it. */
const OFFSET_RESET =
  /^(earliest|latest|by_duration:P(?=\d|T\d)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d{1,9})?S)?)?)$/i;

/** Kinds of groups with a heartbeat and a session, which has to be the longer one. */
const KINDS = ["consumer", "share", "streams"];

/** What is wrong with a group's configs taken together, in Kafka's words, or null. */
export function groupConfigsError(
  overrides: ReadonlyMap<string, string>,
  broker: ConsumerGroupConfig,
): string | null {
  for (const kind of KINDS) {
    const isConsumer = kind === "consumer";
    const heartbeat = `${kind}.heartbeat.interval.ms`, session = `${kind}.session.timeout.ms`;
    const usualBeat = isConsumer ? broker.heartbeatIntervalMs : groupConfigs[heartbeat].default;
    const usualSession = isConsumer ? broker.sessionTimeoutMs : groupConfigs[session].default;
    const beatMs = Number(overrides.get(heartbeat) ?? usualBeat);
    const sessionMs = Number(overrides.get(session) ?? usualSession);
    if (sessionMs <= beatMs) return `${session} must be greater than ${heartbeat}`;
  }
  return null;
}
