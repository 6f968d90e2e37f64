/**
 * Brokers as processes of their own, to be killed: Runnel, or Apache Kafka itself, so that a harness can be shown to
 * pass where it must. Both listen on the same address after each start.
 */
import { pause, Victim } from "../crash/victim.ts";
import { bash } from "../crash/tally.ts";

export interface BrokerProcess {
  /** Resolves when it serves. Throws when it ends before, or takes too long. */
  serves(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGTERM; the exit code, null when it did not end in time and was killed. */
  stop(): Promise<number | null>;
}

export interface BrokerOptions {
  /** The data directory. */
  readonly data: string;
  readonly ports: { readonly kafka: number; readonly http: number };
  /** Where what it prints is added. */
  readonly log: string;
  /** Of Runnel: "--storage-flush=os" and the like. */
  readonly flags?: readonly string[];
}

/** Starts one; it does not serve yet. */
export type Spawn = () => Promise<BrokerProcess>;

export function runnel({ data, ports, log, flags = [] }: BrokerOptions): Spawn {
  const all = [`--storage-path=${data}`, "--groups-initial-rebalance-delay-ms=0", ...flags];
  return () => {
    const victim = Victim.spawn({ flags: all, ports, log });
    return Promise.resolve({
      serves: () => victim.listens(),
      kill: () => victim.kill(),
      stop: () => victim.stop(),
    });
  };
}

/** Where Apache Kafka's jars are, as tests/clients/kafka_tools.sh has put them there. */
export function kafkaLibs(): string {
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`;
  return Deno.env.get("KAFKA_LIBS") ?? `${home}/runnel/kafka-4.4.0`;
}

/** A Kafka of one node over the directory, formatted at the first start. */
export function kafka({ data, ports, log }: BrokerOptions): Spawn {
  const config = `${data}.properties`;
  const java = `java -Xms512m -Xmx512m -XX:+UseSerialGC -Dlog4j2.level=WARN -cp "${kafkaLibs()}/*"`;
  return async () => {
    if (!await exists(data)) {
      await Deno.writeTextFile(config, properties(data, ports));
      await bash(`${java} kafka.tools.StorageTool format -t MkU3OEVBNTcwNTJENDM2Qg -c ${config}`);
    }
    const child = new Deno.Command("bash", {
      args: ["-c", `exec ${java} kafka.Kafka ${config} >> ${log} 2>&1`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    return new KafkaProcess(child, ports.kafka);
  };
}

class KafkaProcess implements BrokerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #port: number;
  #isOver = false;

  constructor(child: Deno.ChildProcess, port: number) {
    this.#child = child;
    this.#port = port;
    child.status.then(() => this.#isOver = true);
  }

  async serves(): Promise<void> {
    const deadlineMs = performance.now() + START_LIMIT_MS;
    while (performance.now() < deadlineMs) {
      if (this.#isOver) throw new Error("Kafka ended before it served");
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: this.#port })).close();
        return;
      } catch {
        await pause(50);
      }
    }
    throw new Error(`Kafka does not listen after ${START_LIMIT_MS / 1000} s`);
  }

  async kill(): Promise<void> {
    if (!this.#isOver) this.#child.kill("SIGKILL");
    await this.#child.status;
  }

  async stop(): Promise<number | null> {
    if (!this.#isOver) this.#child.kill("SIGTERM");
    return (await this.#child.status).code;
  }
}

function properties(data: string, ports: BrokerOptions["ports"]): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${ports.http}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:${ports.kafka},CONTROLLER://127.0.0.1:${ports.http}
advertised.listeners=PLAINTEXT://127.0.0.1:${ports.kafka}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=${data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
`;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const START_LIMIT_MS = 60_000;
