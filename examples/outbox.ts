/**
 * The outbox: an order and the record that tells of it are written in one transaction of a database, and a relay sends
 * what is in the outbox in its order. So no order is without its record, and no record without its order; a relay that
 * fails in between sends a record again, with the same id, by which a reader knows it.
 */
import { DatabaseSync } from "node:sqlite";
import type { Producer } from "runnel";

export class OrderBook {
  readonly #db: DatabaseSync;

  /** `path` is a file, or ":memory:". */
  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    this.#db.exec(`
      CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, amount INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL
      );
    `);
  }

  /** Both or neither. Throws when the order is there already. */
  place(id: string, amount: number): void {
    this.#db.exec("BEGIN");
    try {
      this.#db.prepare("INSERT INTO orders (id, amount) VALUES (?, ?)").run(id, amount);
      this.#db.prepare("INSERT INTO outbox (topic, key, value) VALUES ('orders', ?, ?)")
        .run(id, JSON.stringify({ id, amount }));
      this.#db.exec("COMMIT");
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /** How many records wait. */
  get waiting(): number {
    return Number(this.#db.prepare("SELECT count(*) AS n FROM outbox").get()!.n);
  }

  /** Sends what waits, oldest first; each is taken out when it is acknowledged. Throws what sending threw: relay() again. */
  async relay(producer: Producer): Promise<void> {
    const next = this.#db.prepare("SELECT id, topic, key, value FROM outbox ORDER BY id LIMIT 1");
    const remove = this.#db.prepare("DELETE FROM outbox WHERE id = ?");
    for (let row = next.get(); row !== undefined; row = next.get()) {
      const { id, topic, key, value } = row as Record<string, string>;
      await producer.send({ topic, key, value, headers: [{ key: "outbox-id", value: `${id}` }] });
      remove.run(id);
    }
  }

  close(): void {
    this.#db.close();
  }
}
