/**
 * ProducerIds: numbers that no producer has had before. They come from the metadata log in blocks of 1000; what is
 * left of a block when the broker stops is lost, so an id is never given out twice, whatever crashes.
 */
import type { Catalogue } from "./catalogue.ts";
import type { NewRecord } from "./metadata_record.ts";
import type { MetadataStore } from "./metadata_store.ts";

const BLOCK = 1000;

export class ProducerIds {
  readonly #store: MetadataStore;
  readonly #nodeId: number;
  #next = 0;
  #end = 0;
  #refill: Promise<void> | null = null;

  constructor(store: MetadataStore, nodeId: number) {
    this.#store = store;
    this.#nodeId = nodeId;
  }

  /** A number at once while the block lasts, else a promise of one. */
  next(): number | Promise<number> {
    return this.#next < this.#end ? this.#next++ : this.#afterRefill();
  }

  /** Everyone who finds the block used up waits for the same new one. */
  async #afterRefill(): Promise<number> {
    while (this.#next >= this.#end) {
      await (this.#refill ??= this.#fetchBlock().finally(() => this.#refill = null));
    }
    return this.#next++;
  }

  async #fetchBlock(): Promise<void> {
    const first = await this.#store.transact((catalogue) => {
      const first = catalogue.nextProducerId;
      return { records: [producerIdBlock(catalogue, this.#nodeId)], result: first };
    });
    this.#next = first;
    this.#end = first + BLOCK;
  }
}

/** Takes the next blocks for good, whether their ids are given out or not. */
export function producerIdBlock(catalogue: Catalogue, nodeId: number, blocks = 1): NewRecord {
  const value = {
    brokerId: nodeId,
    brokerEpoch: catalogue.broker(nodeId)?.brokerEpoch ?? -1,
    nextProducerId: catalogue.nextProducerId + blocks * BLOCK,
  };
  return { kind: "ProducerIdsRecord", version: 0, value };
}

/** The blocks that reach from the next id beyond `producerId`. */
export function blocksBeyond({ nextProducerId }: Catalogue, producerId: number): number {
  return Math.max(0, Math.ceil((producerId + 1 - nextProducerId) / BLOCK));
}
