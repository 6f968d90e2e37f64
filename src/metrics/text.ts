/**
 * MetricsText: the answer to a scrape. prom-client writes the text; it is loaded at the first scrape, as a start has no use
 * for it. Its own Counter and Histogram hash labels at every change, which is why counting is not theirs.
 *
 * Writing gives way: a scrape of many series stops nobody. Scrapes that come meanwhile share its answer, and no answer
 * is longer than `maxBytes`: series past it are left out, and told of.
 */
import type { Registry } from "prom-client";
import { logger } from "../log.ts";
import type { Definition, Labels } from "./definition.ts";
import type { Histogram } from "./histogram.ts";
import { labelOf } from "./label.ts";
import type { Metrics } from "./metrics.ts";
import { definitions, type RegistrySettings } from "./registry.ts";

export interface TextSettings extends RegistrySettings {
  /** Of one answer. */
  readonly maxBytes: number;
}

/** A row of prom-client's text: what Registry.metrics() reads of get(). */
interface Sample {
  readonly metricName: string;
  readonly labels: Labels;
  readonly value: number;
}

const log = logger("metrics");

export class MetricsText {
  readonly contentType = "text/plain; version=0.0.4; charset=utf-8";
  readonly #metrics: Metrics;
  readonly #settings: TextSettings;
  #rendering: Promise<Uint8Array> | null = null;

  constructor(metrics: Metrics, settings: TextSettings) {
    this.#metrics = metrics;
    this.#settings = settings;
  }

  /** The answer to a scrape, in UTF-8: the one that is being written, or another. */
  render(): Promise<Uint8Array> {
    return this.#rendering ??= this.#render().finally(() => this.#rendering = null);
  }

  async #render(): Promise<Uint8Array> {
    const { maxBytes } = this.#settings;
    const encoder = new TextEncoder(), parts: Uint8Array[] = [], labels = new ShortLabels();
    let bytes = 0, isCut = false;
    for (const definition of definitions(this.#metrics, this.#settings)) {
      for await (const text of this.#family(definition, labels)) {
        const part = encoder.encode(text);
        if (bytes + part.length > maxBytes - TRUNCATED_BYTES) {
          isCut = true;
          break; // a smaller family may fit
        }
        parts.push(part);
        bytes += part.length;
      }
    }
    if (isCut) log.clientEvent("scrape_truncated", { maxBytes, need: "metrics.max_scrape_bytes" });
    parts.push(encoder.encode(await this.#truncated(isCut)));
    return joined(parts);
  }

  /** One metric's text, a part at a time. */
  async *#family({ name, ...definition }: Definition, short: ShortLabels): AsyncGenerator<string> {
    const fullName = `${this.#settings.prefix}_${name}`;
    /** What was written: something that went and came back while others had their turn must not stand there twice. */
    const seen = new Set<string>();
    let values: Sample[] = [], isFirst = true;
    for (const [given, value] of definition.samples()) {
      const labels = short.of(given), key = JSON.stringify(labels);
      if (seen.has(key)) continue;
      seen.add(key);
      if (typeof value === "number") values.push({ metricName: fullName, labels, value });
      else pushHistogram(values, fullName, labels, value);
      if (values.length < SAMPLES_A_PART) continue;
      yield await this.#text(fullName, definition, values, isFirst);
      values = [];
      isFirst = false;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    if (values.length > 0 || isFirst) yield await this.#text(fullName, definition, values, isFirst);
    yield "\n";
  }

  async #text(
    name: string,
    { help, type }: Pick<Definition, "help" | "type">,
    values: readonly Sample[],
    isFirst: boolean,
  ): Promise<string> {
    const get = () => Promise.resolve({ name, help, type, values, aggregator: "sum" });
    const metric = { name, help, type, get } as unknown;
    const { default: promClient } = await import("prom-client");
    const registry = new promClient.Registry();
    registry.registerMetric(metric as Parameters<Registry["registerMetric"]>[0]);
    const text = await registry.metrics();
    return isFirst ? text : text.split("\n").slice(2).join("\n"); // without HELP and TYPE
  }

  #truncated(isCut: boolean): Promise<string> {
    const help = "1 when series are left out of this answer because it would be too long.";
    const name = `${this.#settings.prefix}_scrape_truncated`;
    const values = [{ metricName: name, labels: {}, value: Number(isCut) }];
    return this.#text(name, { help, type: "gauge" }, values, true);
  }
}

/** Labels as they are shown; a long one is hashed once a scrape. */
class ShortLabels {
  readonly #known = new Map<string, string>();

  of(labels: Labels): Labels {
    const short: Labels = {};
    for (const [name, value] of Object.entries(labels)) {
      short[name] = typeof value === "string" ? this.#short(value) : value;
    }
    return short;
  }

  #short(text: string): string {
    let short = this.#known.get(text);
    if (short === undefined) this.#known.set(text, short = labelOf(text));
    return short;
  }
}

/** Prometheus' buckets are cumulative. */
function pushHistogram(values: Sample[], name: string, labels: Labels, histogram: Histogram): void {
  let count = 0;
  for (const [i, n] of histogram.counts.entries()) {
    count += n;
    const le = i < histogram.bounds.length ? String(histogram.bounds[i]) : "+Inf";
    values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: count });
  }
  values.push({ metricName: `${name}_sum`, labels, value: histogram.sum });
  values.push({ metricName: `${name}_count`, labels, value: count });
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** About a millisecond's work. */
const SAMPLES_A_PART = 200;
/** Room for the metric that says whether something was left out. */
const TRUNCATED_BYTES = 1000;
