/** Shell words: command lines that are advised, to be pasted into a shell: nothing of a name is evaluated or is a flag. */

/** A command line of these words, each quoted so that a shell evaluates nothing in it. */
export function commandLine(...words: readonly string[]): string {
  return words.map((word) =>
    /^(?!=)[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
  ).join(" ");
}

/**
 * `runnel group describe orders --bootstrap …`. A group may be called `--all`: where a name begins as a flag does, all of
 * them stand behind the flags.
 */
export function runnelLine(
  words: readonly string[],
  names: readonly string[] = [],
  flags: readonly string[] = [],
): string {
  return names.some((name) => name.startsWith("-"))
    ? commandLine("runnel", ...words, ...flags, "--", ...names)
    : commandLine("runnel", ...words, ...names, ...flags);
}
