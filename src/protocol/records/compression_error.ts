/** CompressionError: compressed records that cannot be read, or that would grow past what is allowed. */
export class CompressionError extends Error {
  override readonly name = "CompressionError";

  constructor(readonly kind: "broken" | "tooLarge", message: string) {
    super(message);
  }

  static broken(codec: string, why: string): CompressionError {
    return new CompressionError("broken", `Cannot decompress ${codec}: ${why}`);
  }

  static tooLarge(codec: string, maxBytes: number): CompressionError {
    return new CompressionError(
      "tooLarge",
      `Cannot decompress ${codec}: it is more than the ${maxBytes} bytes allowed`,
    );
  }
}
