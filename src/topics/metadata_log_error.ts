/** The metadata log is one this broker must not serve, or can no longer write. Nothing was changed by finding out. */
export class MetadataLogError extends Error {
  override readonly name: string = "MetadataLogError";
  /** For people, as it is. */
  readonly kind = "refused";
}

/** It is ours, and not the whole of what was committed. */
export class IncompleteLogError extends MetadataLogError {}
