/** The console's API as far as it is of records: how they are asked for and shown. A part of api.ts. */

/** Bytes as text where they are UTF-8, else base64; cut to what may be shown. */
export interface Bytes {
  readonly encoding: "utf8" | "base64";
  readonly text: string;
  /** Of all of it. */
  readonly bytes: number;
  readonly isCut: boolean;
}

export interface RecordRow {
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly timestampType: "create" | "append";
  readonly key: Bytes | null;
  readonly value: Bytes | null;
  readonly headers: readonly { readonly key: string; readonly value: Bytes | null }[];
  /** How many headers were left out. */
  readonly headersLeftOut: number;
  readonly isTransactional: boolean;
  readonly producerId: number | null;
  /** Of the batch: "none", "gzip", "snappy", "lz4", "zstd". */
  readonly compression: string;
}

/** Query of `GET topics/{topic}/records`, of `…/follow` and of `…/download`. */
export interface RecordsQuery {
  /** Which partitions: "0,3,5"; all if not given. */
  readonly partitions?: string;
  /** Where to begin: "end" (the last ones, newest first; if not given), "start", "offset:42", "time:1764489600000", or a `next`. */
  readonly at?: string;
  readonly limit?: number;
  /** Filters; all that are given have to hold. Text is looked for as it is, whatever is in it. */
  readonly key?: string;
  readonly value?: string;
  /** "name" (there is one) or "name=text". */
  readonly header?: string;
  /** Key, value or a header's value has it. */
  readonly text?: string;
  /** RE2 over the value. */
  readonly regex?: string;
  /** JSONPath (RFC 9535) over the value: something is there. */
  readonly jsonpath?: string;
  /** "committed" (if not given) leaves out what was aborted or is open. */
  readonly isolation?: "committed" | "uncommitted";
  /** Of `…/download`. */
  readonly format?: "json" | "csv";
}

/** `GET topics/{topic}/records` */
export interface RecordsAnswer {
  readonly records: readonly RecordRow[];
  /** For `at`: what comes after these (before them, when they are from the end); null: nothing does now. */
  readonly next: string | null;
  readonly scanned: {
    readonly records: number;
    readonly bytes: number;
    readonly elapsedMs: number;
  };
  /** Why it ended. */
  readonly ended: "limit" | "edge" | "time" | "bytes";
  /** What could not be looked into. */
  readonly problems: readonly {
    readonly partition: number;
    readonly offset: number | null;
    readonly reason: string;
  }[];
}

/**
 * `GET topics/{topic}/partitions/{partition}/records/{offset}`: one record, up to LIMITS.maxRecordBytes of each part. `…/value`
 * and `…/key` answer the bytes themselves, as application/octet-stream to save.
 */
export type RecordDetail = RecordRow;

/** Body of `POST topics/{topic}/records`; answers Published. */
export interface PublishBody {
  /** Chosen by the key if not given. */
  readonly partition?: number;
  readonly key: GivenBytes | null;
  /** null: a tombstone. */
  readonly value: GivenBytes | null;
  readonly headers?: readonly { readonly key: string; readonly value: GivenBytes | null }[];
}
export interface GivenBytes {
  readonly encoding: "utf8" | "base64";
  readonly text: string;
}
export interface Published {
  readonly partition: number;
  readonly offset: number;
}
