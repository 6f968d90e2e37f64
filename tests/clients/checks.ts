/**
 * The harness of the client suites: one line a check, `N passed, N failed` at the end.
 *
 * The suites in this folder let real clients judge a running broker. Each takes `BROKERS=host:port`, needs nothing
 * else of the broker than its socket, and makes topics of its own, so that several may run side by side and the same
 * suite can be run against Apache Kafka to see what it answers.
 *
 * | Suite | Client | Also takes |
 * |---|---|---|
 * | `kafkajs.ts` | npm:kafkajs | |
 * | `platformatic.ts` | npm:@platformatic/kafka | |
 * | `frames.ts` | bytes by hand over TCP: framing, pipelining, back-pressure | `BROKER_PID`: watches its memory; `FRAME_TIMEOUT_MS`: the broker's, when it is short |
 * | `kcat.sh` | Debian's package `kcat` (librdkafka) | |
 * | `book.ts` | those of docs/clients.md, by the page's own words, in clear and over TLS | `RUNNEL`; their names, or `--all`; no `BROKERS` |
 * | `apache.sh` | Apache Kafka's command line tools | `RECORDS` |
 * | `dump_log.sh` | kafka-dump-log, on the files of a broker at rest | `BROKER_DATA`, no `BROKERS` |
 * | `groups.sh` | consumer groups of kafkajs, librdkafka, franz-go and Java (`groups/`), through kills and restarts | `BROKER_COMMAND`, `CLIENTS` |
 * | `transaction_tools.sh` | kafka-transactions on transactions that hang | `BROKER_COMMAND` |
 * | `transactions.sh` | kafkajs, librdkafka and franz-go copying in transactions while they and the broker are killed | `RUNNEL` |
 * | `side_by_side.sh` | Kafka's group tools, their text compared with a real Kafka's | `REF`: its address |
 * | `durability.sh` | the Java client, with a ledger of what was acknowledged | `BROKER_COMMAND`, `BYTES`, `CODECS`, `ACKS` |
 * | `tls.ts`, `tls.sh` | kafkajs, kcat, Apache's console tools and openssl over TLS | `TLS_CA`, `TLS_FILES`, `TLS_NEXT`; `TLS_FOLDER`, of certificates.ts; `MTLS` |
 * | `tls_descriptors.sh` | kcat, and clients that say nothing | `TLS_PLAIN`, `TLS_FOLDER` |
 * | `startup_probe.ts` | none: how soon a new broker answers | `BROKER_COMMAND` |
 *
 * `deno task test:clients` runs the TypeScript ones; `.ci/run` runs all of them against the compiled binary.
 */
export class Suite {
  readonly name: string;
  #passed = 0;
  #failed = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Runs one check; a rejection, or no end within `limitMs`, fails it and the suite goes on. */
  async check(title: string, body: () => Promise<string | void>, limitMs = 60_000): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no end within ${limitMs} ms`)), limitMs);
    });
    try {
      const figure = await Promise.race([body(), deadline]);
      this.#passed++;
      console.log(`ok   ${this.name}: ${title}${figure ? ` (${figure})` : ""}`);
    } catch (error) {
      this.#failed++;
      console.log(`FAIL ${this.name}: ${title}`);
      console.log(indent(error instanceof Error ? error.stack ?? error.message : String(error)));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Prints the tally and ends the process: a client may have left sockets or timers behind. */
  finish(): never {
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    Deno.exit(this.#failed === 0 && this.#passed > 0 ? 0 : 1);
  }
}

/** Where the broker under test listens: `BROKERS`, of which the first is taken. */
export function broker(): { hostname: string; port: number; address: string } {
  const address = (Deno.env.get("BROKERS") ?? "127.0.0.1:9092").split(",")[0];
  const colon = address.lastIndexOf(":");
  const port = Number(address.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port)) {
    throw new Error(`Cannot use BROKERS=${address}: needs host:port`);
  }
  return { hostname: address.slice(0, colon), port, address };
}

/** A topic name no other run uses. */
export function freshTopic(suite: string): string {
  return `${suite}-${Date.now().toString(36)}-${crypto.randomUUID().slice(0, 8)}`;
}

function indent(text: string): string {
  return text.split("\n").slice(0, 12).map((line) => `       ${line}`).join("\n");
}
