/** TransactionLedger: what copiers did in their transactions, and what must hold of that in the logs at any time, and in the end. */
import type { TransactionCoordinator } from "../../src/transactions/coordinator.ts";
import { isIdle, stateName } from "../../src/transactions/transaction.ts";
import type { ProducedLog } from "./produced_log.ts";

/** Something is so that must not be, and not a fault of the simulation. */
export class Violation extends Error {}

/** A transaction as its copier has it. */
export interface Told {
  readonly name: string;
  readonly inputs: readonly number[];
  /** What its end was asked to be, and answered to be. */
  asked: "commit" | "abort" | null;
  answered: "commit" | "abort" | null;
}

export class TransactionLedger {
  readonly #told: Told[] = [];
  readonly #shown = new Map<ProducedLog, string[]>();

  begun(inputs: readonly number[]): Told {
    const told: Told = { name: `txn${this.#told.length}`, inputs, asked: null, answered: null };
    this.#told.push(told);
    return told;
  }

  /** Of what is committed nothing changes, nothing is seen that was not asked for, and no input twice. */
  check(data: readonly ProducedLog[]): void {
    const copied = new Map<number, string>();
    for (const log of data) {
      const { values, undecided } = log.committed();
      if (undecided.some((offset) => offset < log.lastStableOffset)) {
        throw new Violation(
          `what is below the last stable offset ${log.lastStableOffset} is undecided`,
        );
      }
      for (const [i, value] of (this.#shown.get(log) ?? []).entries()) {
        if (values[i] !== value) throw new Violation(`${value} was seen, and is ${values[i]} now`);
      }
      this.#shown.set(log, values);
      for (const value of values) {
        const [name, input] = value.split("/");
        const told = this.#told.find((one) => one.name === name)!;
        if (told.asked !== "commit") {
          throw new Violation(`${value} is seen, though its copier asked for ${told.asked}`);
        }
        const other = copied.get(Number(input));
        if (other !== undefined) throw new Violation(`${value} is seen, and so is ${other}`);
        copied.set(Number(input), value);
      }
    }
  }

  /** Each transaction is seen whole or not at all, and all inputs are. */
  checkWhole(data: readonly ProducedLog[], inputs: number): void {
    const seen = data.flatMap((log) => log.committed().values);
    for (const { name, inputs, answered } of this.#told) {
      const there = inputs.filter((input) => seen.includes(`${name}/${input}`)).length;
      if (there > 0 && there < inputs.length || answered === "commit" && there === 0) {
        throw new Violation(
          `of ${name} (${answered}), ${there} of ${inputs.length} records are seen`,
        );
      }
    }
    if (seen.length !== inputs) {
      throw new Violation(`${seen.length} of ${inputs} inputs were copied`);
    }
  }
}

/** Every transaction has ended, in every partition, and a replay of each log says the same. */
export function checkNothingHangs(
  { runtime }: TransactionCoordinator,
  logs: readonly ProducedLog[],
): void {
  for (const { shard } of runtime.active()) {
    for (const { id, value } of shard.entities()) {
      if (!isIdle(value)) throw new Violation(`${id} is left in ${stateName(value.state)}`);
    }
  }
  for (const log of logs) {
    if (log.lastStableOffset !== log.logEndOffset) {
      throw new Violation(
        `a log ends at ${log.logEndOffset}, stable are ${log.lastStableOffset}`,
      );
    }
    const [live, replayed] = [log.producers, log.replayed()].map((one) =>
      JSON.stringify(one.entries())
    );
    if (live !== replayed) throw new Violation(`producers are ${live}, replayed ${replayed}`);
  }
}
