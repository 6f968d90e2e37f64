/** JSON lines: values of a stream that has one a line (application/x-ndjson), none longer than the limit. */

export async function* jsonLines<T>(
  chunks: AsyncIterable<Uint8Array>,
  maxLength: number,
): AsyncGenerator<T, void> {
  const decoder = new TextDecoder();
  let held = "";
  for await (const chunk of chunks) {
    const parts = (held + decoder.decode(chunk, { stream: true })).split("\n");
    held = parts.pop()!;
    if (held.length > maxLength) throw new Error(`A line is longer than ${maxLength} characters`);
    for (const part of parts) if (part !== "") yield JSON.parse(part);
  }
  // What stands behind the last end of a line was cut: it is no value.
}
