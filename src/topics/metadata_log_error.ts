/** The metadata log is one this broker must not serve, or can no longer write. Nothing was changed by finding out. */
export class MetadataLogError extends Error {
  override readonly name: string = "MetadataLogError";
  /** For people, as it is. */
  readonly kind = "refused";
}

/** It is ours, and not the whole of what was committed. */
export class IncompleteLogError extends MetadataLogError {}

/** A change takes more than one batch of the log may, and would not be whole in two. Nothing of it is there. */
export class TooLargeChangeError extends MetadataLogError {
  override readonly name = "TooLargeChangeError";
}

/** A change could not be stored, and nothing of it is there: it may be asked for again. Kafka's error is 56. */
export class NotWrittenError extends MetadataLogError {
  override readonly name = "NotWrittenError";
}
