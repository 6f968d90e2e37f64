/** A small service: takes orders, and knows what each customer ordered, by the topic that it writes. */
import { Consumer, Producer } from "runnel";

export class Orders {
  readonly #producer: Producer;
  readonly #consumer: Consumer;
  readonly #totals = new Map<string, number>();

  constructor(bootstrap: string) {
    this.#producer = new Producer({ bootstrap, allowAutoTopicCreation: true });
    this.#consumer = new Consumer({ bootstrap }, { autoOffsetReset: "earliest" });
  }

  /** Resolves when the order is kept. Rejects with KafkaError when it is not. */
  async place(customer: string, amount: number): Promise<void> {
    await this.#producer.send({ topic: TOPIC, partition: 0, key: customer, value: `${amount}` });
  }

  /** What a customer ordered so far, as of everything that was kept `until` then. */
  async total(customer: string, { until }: { until: number }): Promise<number> {
    const partition = { topic: TOPIC, partition: 0 };
    if (this.#consumer.assignment().length === 0) this.#consumer.assign([partition]);
    while (!this.#consumer.hasReached(partition, until)) {
      for (const { key, value } of await this.#consumer.poll(1000)) {
        const who = text.decode(key!), sum = this.#totals.get(who) ?? 0;
        this.#totals.set(who, sum + Number(text.decode(value!)));
      }
    }
    return this.#totals.get(customer) ?? 0;
  }

  async close(): Promise<void> {
    await this.#consumer.close();
    await this.#producer.close();
  }
}

const TOPIC = "orders";
const text = new TextDecoder();
