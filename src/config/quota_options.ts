/** The options of `[quotas]`: over what time quotas are measured, and how many connections may come from where. */
import type { Option } from "./option.ts";

const INT_MAX = 2 ** 31 - 1;

export const quotaOptions = {
  windowNum: {
    type: "integer",
    default: 11,
    min: 2,
    max: 1000,
    restart: true,
    kafkaName: "quota.window.num",
    doc:
      "Windows over which quotas are measured. A client that was silent may come with as much at once as all but one of them allow.",
  },
  windowSizeSeconds: {
    type: "integer",
    default: 1,
    min: 1,
    max: 3600,
    restart: true,
    kafkaName: "quota.window.size.seconds",
    doc: "How long such a window is.",
  },
  controllerWindowNum: {
    type: "integer",
    default: 11,
    min: 1,
    max: 1000,
    restart: true,
    kafkaName: "controller.quota.window.num",
    doc:
      "Windows whose changes of topics and partitions are saved up, where `controller_mutation_rate` is set.",
  },
  controllerWindowSizeSeconds: {
    type: "integer",
    default: 1,
    min: 1,
    max: 3600,
    restart: true,
    kafkaName: "controller.quota.window.size.seconds",
    doc: "How long such a window is.",
  },
  maxConnectionsPerIp: {
    type: "integer",
    default: INT_MAX,
    min: 0,
    max: INT_MAX,
    restart: true,
    kafkaName: "max.connections.per.ip",
    doc: "Kafka connections from one address; more are closed as they come. 0 needs overrides.",
  },
  maxConnectionsPerIpOverrides: {
    type: "list",
    default: [],
    pattern: /^(\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:.]+|localhost):\d{1,9}$/,
    need: "addresses with a number, such as 10.0.0.7:100, with commas between",
    restart: true,
    kafkaName: "max.connections.per.ip.overrides",
    doc: "The same for single addresses. Names are not looked up.",
  },
  maxConnectionCreationRate: {
    type: "integer",
    default: INT_MAX,
    min: 1,
    max: INT_MAX,
    restart: true,
    kafkaName: "max.connection.creation.rate",
    doc:
      "Connections a second over all listeners; what comes faster waits in the system's queue. A listener may have one of its own, and addresses by `connection_creation_rate`.",
  },
} as const satisfies Record<string, Option>;
