/**
 * The registry: every metric's name, help and labels in one place, over what metrics.ts counted. MetricsText (text.ts)
 * shows them.
 */
import process from "node:process";
import type { Definition } from "./definition.ts";
import { groupDefinitions } from "./group_definitions.ts";
import { quotaDefinitions } from "./quota_definitions.ts";
import { transactionDefinitions } from "./transaction_definitions.ts";
import type { Histogram } from "./histogram.ts";
import type { Metrics, PartitionGauges, RequestSlot, TopicMetrics } from "./metrics.ts";

export interface RegistrySettings {
  readonly prefix: string;
  readonly version: string;
  /** Names for labels: Kafka's of an API key, and of an error code. */
  readonly apiName: (apiKey: number) => string;
  readonly errorName: (errorCode: number) => string;
}

/** Every metric there is. */
export function definitions(metrics: Metrics, settings: RegistrySettings): Definition[] {
  return [
    ...requestMetrics(metrics, settings),
    ...topicMetrics(metrics),
    ...partitionMetrics(metrics),
    ...connectionMetrics(metrics),
    ...clientMetrics(metrics),
    ...groupDefinitions(metrics),
    ...transactionDefinitions(metrics),
    ...quotaDefinitions(metrics),
    ...backgroundMetrics(metrics),
    {
      name: "produce_errors_total",
      help: "Partitions of Produce requests answered with an error.",
      type: "counter",
      samples: () =>
        map(metrics.produceErrors, ([code, n]) => [{ code, error: settings.errorName(code) }, n]),
    },
    {
      name: "fsync_duration_seconds",
      help: "Time of one fdatasync.",
      type: "histogram",
      samples: () => [[{}, metrics.fsync]],
    },
    {
      name: "event_loop_delay_seconds",
      help: "How late timers fired.",
      type: "histogram",
      samples: () => [[{}, metrics.eventLoopDelay]],
    },
    {
      name: "build_info",
      help: "1, with the version in a label.",
      type: "gauge",
      samples: () => [[{ version: settings.version, deno: process.versions.deno ?? "unknown" }, 1]],
    },
    ...memoryMetrics(),
    ...metrics.gauges.map(({ name, help, read }): Definition => ({
      name,
      help,
      type: name.endsWith("_total") ? "counter" : "gauge",
      samples: () => [[{}, read()]],
    })),
    ...metrics.histograms.map(({ name, help, histogram }): Definition => ({
      name,
      help,
      type: "histogram",
      samples: () => [[{}, histogram]],
    })),
  ];
}

function requestMetrics(metrics: Metrics, { apiName }: RegistrySettings): Definition[] {
  const slots = (read: (slot: RequestSlot) => number | Histogram) => () =>
    map(
      metrics.requests.slots(),
      (slot) => [{ api: apiName(slot.apiKey), version: slot.version }, read(slot)] as const,
    );
  return [
    {
      name: "requests_total",
      help: "Requests answered.",
      type: "counter",
      samples: slots((slot) => slot.count),
    },
    {
      name: "request_bytes_total",
      help: "Bytes of requests.",
      type: "counter",
      samples: slots((slot) => slot.requestBytes),
    },
    {
      name: "response_bytes_total",
      help: "Bytes of responses.",
      type: "counter",
      samples: slots((slot) => slot.responseBytes),
    },
    {
      name: "request_duration_seconds",
      help: "Time from a request's last byte to its response, long polls included.",
      type: "histogram",
      samples: slots((slot) => slot.latency),
    },
  ];
}

function topicMetrics(metrics: Metrics): Definition[] {
  const one = (name: string, help: string, read: (topic: TopicMetrics) => number): Definition => ({
    name,
    help,
    type: "counter",
    samples: () => map(metrics.topics(), ([topic, counts]) => [{ topic }, read(counts)]),
  });
  return [
    one("topic_bytes_in_total", "Bytes of record batches appended.", (topic) => topic.bytesIn),
    one("topic_bytes_out_total", "Bytes of record batches fetched.", (topic) => topic.bytesOut),
    one("topic_messages_in_total", "Records appended.", (topic) => topic.messagesIn),
    one("topic_messages_out_total", "Records fetched.", (topic) => topic.messagesOut),
  ];
}

function partitionMetrics(metrics: Metrics): Definition[] {
  const one = (
    name: string,
    help: string,
    read: (partition: PartitionGauges) => number,
  ): Definition => ({
    name,
    help,
    type: "gauge",
    *samples() {
      let left = metrics.settings.maxPartitions;
      for (const gauges of metrics.partitions()) {
        if (left-- <= 0) return;
        yield [{ topic: gauges.topic, partition: gauges.partition }, read(gauges)];
      }
    },
  });
  return [
    one("partition_log_end_offset", "Offset the next record gets.", (p) => p.logEndOffset),
    one("partition_log_start_offset", "Offset of the oldest record.", (p) => p.logStartOffset),
    one("partition_high_watermark", "Offset up to which consumers read.", (p) => p.highWatermark),
    one("partition_size_bytes", "Bytes of the partition's segments.", (p) => p.sizeBytes),
  ];
}

function backgroundMetrics(metrics: Metrics): Definition[] {
  return [
    {
      name: "background_failures_total",
      help: "Failures of work in the background, which is tried again.",
      type: "counter",
      samples: () => map(metrics.background, (work) => [{ worker: work.name }, work.failures]),
    },
    {
      name: "background_failing",
      help: "Parts of the work in the background (logs, files) whose last try failed.",
      type: "gauge",
      samples: () => map(metrics.background, (work) => [{ worker: work.name }, work.failing.size]),
    },
    {
      name: "background_last_success_timestamp_seconds",
      help: "When a part of the work in the background was last done.",
      type: "gauge",
      *samples() {
        for (const { name, lastSuccessMs } of metrics.background) {
          if (lastSuccessMs !== null) yield [{ worker: name }, lastSuccessMs / 1000];
        }
      },
    },
  ];
}

function connectionMetrics({ connections }: Metrics): Definition[] {
  return [
    {
      name: "connections",
      help: "Open Kafka connections.",
      type: "gauge",
      samples: () => [[{}, connections.open]],
    },
    {
      name: "connections_accepted_total",
      help: "Kafka connections accepted.",
      type: "counter",
      samples: () => [[{}, connections.accepted]],
    },
    {
      name: "connections_refused_total",
      help: "Kafka connections closed as they came, for a limit.",
      type: "counter",
      samples: () => [[{}, connections.refused]],
    },
    {
      name: "connections_closed_total",
      help: "Kafka connections that ended, by the reason.",
      type: "counter",
      samples: () => map(connections.closed, ([reason, count]) => [{ reason }, count] as const),
    },
  ];
}

function clientMetrics({ clients }: Metrics): Definition[] {
  return [
    {
      name: "client_metric",
      help: "What a client last pushed of its own metrics, by the client's name of it.",
      type: "gauge",
      samples: () =>
        map(
          clients.series(),
          (s) => [{
            client_id: s.clientId,
            client_instance_id: s.instanceId,
            metric: s.metric,
            attributes: s.attributes,
          }, s.value],
        ),
    },
    {
      name: "client_telemetry_pushes_total",
      help: "Pushes of clients' own metrics taken in.",
      type: "counter",
      samples: () => [[{}, clients.pushes]],
    },
    {
      name: "client_telemetry_dropped_total",
      help: "Values of clients' own metrics left out, as there were too many series.",
      type: "counter",
      samples: () => [[{}, clients.dropped]],
    },
  ];
}

function memoryMetrics(): Definition[] {
  const one = (
    name: string,
    help: string,
    read: (usage: ReturnType<typeof process.memoryUsage>) => number,
  ): Definition => ({
    name,
    help,
    type: "gauge",
    samples: () => [[{}, read(process.memoryUsage())]],
  });
  return [
    one("resident_memory_bytes", "Memory the process has in RAM.", (usage) => usage.rss),
    one("heap_used_bytes", "JavaScript heap in use.", (usage) => usage.heapUsed),
    one("external_memory_bytes", "Buffers outside the JavaScript heap.", (usage) => usage.external),
  ];
}

function* map<T, U>(items: Iterable<T>, change: (item: T) => U): Iterable<U> {
  for (const item of items) yield change(item);
}
