/** Definition: one metric, as registry.ts and its neighbours list them. */
import type { Histogram } from "./histogram.ts";

export type Labels = Record<string, string | number>;

/** One metric; `samples` is asked at each scrape. */
export interface Definition {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly samples: () => Iterable<readonly [Labels, number | Histogram]>;
}
