/**
 * ClientMetrics: the last values that clients pushed of their own metrics (KIP-714), a series for each client instance,
 * metric and set of attributes. Names and attributes come from strangers, so the number of series is limited and so is
 * the length of each label; what is beyond is counted and left out.
 */
import { labelOf } from "./label.ts";

export interface ClientSeries {
  readonly clientId: string;
  readonly instanceId: string;
  /** As the client calls it: "org.apache.kafka.producer.record.send.rate". */
  readonly metric: string;
  /** "topic=t,partition=0" */
  readonly attributes: string;
  value: number;
}

export interface ClientValue {
  readonly name: string;
  readonly value: number;
  readonly isDelta: boolean;
  readonly attributes: readonly (readonly [key: string, value: string])[];
}

export class ClientMetrics {
  readonly #maxSeries: number;
  /** By instance, then by metric and attributes. */
  readonly #instances = new Map<string, Map<string, ClientSeries>>();
  #size = 0;
  /** Pushes taken in, and values that found no room. */
  pushes = 0;
  dropped = 0;
  /** Forgets who is gone, before what is left is shown; who knows that sets it. */
  forgetGone: () => void = () => {};

  constructor(maxSeries: number) {
    this.#maxSeries = maxSeries;
  }

  /** Takes in what one client pushed. */
  push(
    { clientId, instanceId }: { readonly clientId: string; readonly instanceId: string },
    values: readonly ClientValue[],
  ): void {
    this.pushes++;
    const series = this.#instances.get(instanceId) ?? new Map<string, ClientSeries>();
    for (const { name, value, isDelta, attributes } of values) {
      const metric = labelOf(name),
        pairs = labelOf(attributes.map((pair) => pair.join("=")).join(","));
      const key = `${metric} ${pairs}`;
      const known = series.get(key);
      if (known !== undefined) known.value = isDelta ? known.value + value : value;
      else if (this.#size >= this.#maxSeries) this.dropped++;
      else {
        this.#size++;
        const labels = { clientId: labelOf(clientId), instanceId, metric, attributes: pairs };
        series.set(key, { ...labels, value });
      }
    }
    if (series.size > 0) this.#instances.set(instanceId, series);
  }

  /** Forgets a client that is gone, and makes room for another. */
  forget(instanceId: string): void {
    this.#size -= this.#instances.get(instanceId)?.size ?? 0;
    this.#instances.delete(instanceId);
  }

  *series(): Iterable<ClientSeries> {
    this.forgetGone();
    for (const series of this.#instances.values()) yield* series.values();
  }
}
