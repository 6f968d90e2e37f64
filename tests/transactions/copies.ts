/** Copies: whether what was copied is what there was to copy, each once and in its order. */

/** Values by partition, in the order of their offsets. */
export type Partitions = ReadonlyMap<number, readonly string[]>;

/** What is wrong, in words. Values are unlike each other within a partition. */
export function wrongCopies(inputs: Partitions, outputs: Partitions): string[] {
  const complaints: string[] = [];
  for (const partition of new Set([...inputs.keys(), ...outputs.keys()])) {
    const input = inputs.get(partition) ?? [], output = outputs.get(partition) ?? [];
    const placeOf = new Map(input.map((value, i) => [value, i]));
    const seen = new Map<string, number>();
    let last = -1;
    for (const [offset, value] of output.entries()) {
      const place = placeOf.get(value);
      const before = seen.get(value);
      if (place === undefined) complaints.push(`${partition}: ${value} was never in the input`);
      else if (before !== undefined) {
        complaints.push(`${partition}: ${value} is copied twice, as ${before} and ${offset}`);
      } else if (place < last) complaints.push(`${partition}: ${value} comes after ${input[last]}`);
      seen.set(value, offset);
      if (place !== undefined) last = Math.max(last, place);
    }
    const missing = input.filter((value) => !seen.has(value));
    if (missing.length > 0) {
      complaints.push(
        `${partition}: ${missing.length} of ${input.length} are not copied, such as ${
          missing.slice(0, 3)
        }`,
      );
    }
  }
  return complaints;
}

/** What a reader was shown while things went on must be how the final history begins. */
export function wrongAlong(shown: Partitions, outputs: Partitions): string[] {
  const complaints: string[] = [];
  for (const [partition, values] of shown) {
    const output = outputs.get(partition) ?? [];
    const at = values.findIndex((value, i) => output[i] !== value);
    if (at >= 0) {
      complaints.push(
        `${partition}: a reader was shown ${values[at]} as ${at}, there is ${output[at]}`,
      );
    }
  }
  return complaints;
}
