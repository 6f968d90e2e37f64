/** Served: a broker of the executable's own, on ports and in a folder that nobody else uses, and the load beside it. */
import { Buffer } from "node:buffer";
import { Kafka, logLevel } from "kafkajs";

export interface Served extends AsyncDisposable {
  /** "127.0.0.1:20001" */
  readonly kafka: string;
  /** "http://127.0.0.1:20002", without what comes before the console. */
  readonly origin: string;
  /** SIGTERM, and until it has ended; so that its console cannot be reached. */
  stop(): Promise<void>;
  /** Once more, at the same ports. */
  start(): Promise<void>;
}

/** A group's name, such as a client may choose. */
export const HOSTILE = '"><img src=x onerror=alert(1)>javascript:alert(2)\u202e';

const START_LIMIT_MS = 20_000;

/** `flags` are what `runnel serve` takes. */
export async function serve(
  program: string,
  { flags, env = {} }: { readonly flags: readonly string[]; readonly env?: Record<string, string> },
): Promise<Served> {
  const folder = await Deno.makeTempDir({ prefix: "runnel-console-" });
  const [kafkaPort, httpPort] = [freePort(), freePort()];
  const path = await Deno.realPath(program);
  const begin = () =>
    new Deno.Command(path, {
      args: [
        ...["serve", "--kafka-port", String(kafkaPort), "--http-port", String(httpPort)],
        ...["--storage-path", "runnel-data", ...flags],
      ],
      cwd: folder,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  let child = begin();
  const stop = async () => {
    try {
      child.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    await child.status;
  };
  const origin = `http://127.0.0.1:${httpPort}`;
  const served: Served = {
    kafka: `127.0.0.1:${kafkaPort}`,
    origin,
    stop,
    async start() {
      child = begin();
      await ready(origin);
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
  try {
    await ready(origin);
  } catch (error) {
    await served[Symbol.asyncDispose]();
    throw error;
  }
  return served;
}

async function ready(origin: string): Promise<void> {
  const until = Date.now() + START_LIMIT_MS;
  for (;;) {
    try {
      const answer = await fetch(`${origin}/readyz`);
      await answer.body?.cancel();
      if (answer.ok) return;
    } catch {
      // It does not listen yet.
    }
    if (Date.now() > until) throw new Error(`${origin} is not ready after ${START_LIMIT_MS} ms`);
    await wait(50);
  }
}

/** Records without end, so many a second, by the executable's own `bench produce`. */
export function load(program: string, kafka: string, topic: string, rate: number): AsyncDisposable {
  const child = new Deno.Command(program, {
    args: [
      ...["bench", "produce", topic, "--create", "--partitions", "4", "--for", "30m"],
      ...["--rate", String(rate), "--size", "300", "--payload", "text", "--bootstrap", kafka],
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await child.status;
    },
  };
}

/** Topics, records, groups and a transaction, such as a shop may have. */
export async function furnish(served: Served): Promise<AsyncDisposable> {
  const kafka = new Kafka({
    clientId: "shop",
    brokers: [served.kafka],
    logLevel: logLevel.NOTHING,
  });
  const admin = kafka.admin(), producer = kafka.producer();
  await Promise.all([admin.connect(), producer.connect()]);
  await admin.createTopics({
    topics: [
      { topic: "orders", numPartitions: 3 },
      { topic: "payments", numPartitions: 2 },
      {
        topic: "customers",
        numPartitions: 1,
        configEntries: [{ name: "cleanup.policy", value: "compact" }],
      },
      { topic: "to-delete", numPartitions: 1 },
    ],
  });
  const began = Date.now() - 3_600_000;
  await producer.sendBatch({
    topicMessages: [
      { topic: "orders", messages: Array.from({ length: 240 }, (_, at) => order(at, began)) },
      {
        topic: "payments",
        messages: Array.from({ length: 60 }, (_, at) => ({
          key: `order-${1000 + at}`,
          value: at % 9 === 5 ? Buffer.from([0, 255, 1, 254, at]) : `paid ${at * 3 + 7}.00 EUR`,
        })),
      },
    ],
  });
  for (const [group, offset] of [["analytics", 20], ["reports", 5], [HOSTILE, 1]] as const) {
    await committed(served, group, "orders", offset);
  }
  const consumer = kafka.consumer({ groupId: "billing", sessionTimeout: 30_000 });
  const joined = consumer.connect()
    .then(() => consumer.subscribe({ topics: ["orders"], fromBeginning: true }))
    .then(() => consumer.run({ eachMessage: () => Promise.resolve() }));
  const writer = kafka.producer({
    transactionalId: "payments-writer",
    maxInFlightRequests: 1,
    idempotent: true,
    transactionTimeout: 600_000,
  });
  await writer.connect();
  const open = await writer.transaction();
  await open.send({ topic: "payments", messages: [{ key: "order-1", value: "not yet" }] });
  await joined;
  return {
    async [Symbol.asyncDispose]() {
      // Their broker may be gone already.
      await Promise.allSettled([admin, producer, consumer, writer].map((one) => one.disconnect()));
    },
  };
}

/** As if the group had read so far in every partition, and left. */
async function committed(
  { origin }: Served,
  group: string,
  topic: string,
  offset: number,
): Promise<void> {
  await change(origin, `group/offsets?id=${encodeURIComponent(group)}`, {
    topic,
    to: { kind: "offset", offset },
    preview: false,
  });
}

/** What the API answers; its types are those of src/console/api.ts. */
// deno-lint-ignore no-explicit-any -- whoever asks knows what of it they want
export async function asked(origin: string, path: string): Promise<any> {
  const answer = await fetch(`${origin}/api/v1/${path}`);
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error.message);
  return said;
}

/** A change that a script asks the API for. */
async function change(origin: string, path: string, body: unknown): Promise<unknown> {
  const answer = await fetch(`${origin}/api/v1/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-runnel-console": "1" },
    body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error.message);
  return said;
}

const CITIES = ["Zürich", "Lisboa", "Kraków", "São Paulo", "Turku"];

function order(at: number, began: number) {
  const value = {
    id: 9007199254740993n + BigInt(at),
    customer: { name: `customer ${at % 17}`, city: CITIES[at % CITIES.length] },
    lines: Array.from(
      { length: at % 3 + 1 },
      (_, line) => ({ sku: `A-${at}${line}`, count: line + 1 }),
    ),
    total: at * 1.25 + 9,
    isPaid: at % 4 !== 0,
    note: at % 11 === 0 ? null : "by the door",
  };
  const text = JSON.stringify(value, (_, one) => typeof one === "bigint" ? `big ${one}` : one);
  return {
    key: `customer-${at % 17}`,
    value: text.replace(/"big (\d+)"/, "$1"),
    timestamp: String(began + at * 15_000),
    headers: { trace: `00-${at.toString(16).padStart(8, "0")}`, from: "shop" },
  };
}

export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
