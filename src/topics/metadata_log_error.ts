/** The metadata log is one this broker must not serve, or can no longer write. Nothing was changed by finding out. */
export class MetadataLogError extends Error {
  override readonly name = "MetadataLogError";
  /** For people, as it is. */
  readonly kind = "refused";
}
