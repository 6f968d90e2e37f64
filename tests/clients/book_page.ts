/**
 * docs/clients.md as it is read: a client is a heading of the third order and the blocks beneath it.
 *
 *     ```sh        the first: how it is installed; the second: how its program is run
 *     ```LANGUAGE  whose first line is a comment with a name: a file, above what is printed the program or what it needs
 *     ```          what the program prints
 *     ```LANGUAGE  beneath that, with TLS and a password: a file more, or lines for the place of the line in the program
 *                  that begins in the same way
 */

export interface File {
  readonly name: string;
  readonly text: string;
}

export interface Client {
  readonly name: string;
  readonly install: string;
  /** The last is the program. */
  readonly files: readonly File[];
  readonly command: string;
  readonly output: readonly string[];
  readonly secured: readonly { readonly name: string | null; readonly text: string }[];
}

const FENCE = /^```(\w*)\n([^]*?)^```$/gm;
const NAMED = /^(?:\/\/|#|<!--) ([\w./]+\.\w+)(?: -->)?\n/;

export function clientsOf(page: string): Client[] {
  return page.split(/^### /m).slice(1).map((section) => {
    const name = /^.*/.exec(section)![0];
    const client = clientOf(name, section.split(/^## /m)[0]);
    if (typeof client === "string") throw new Error(`${name} in the page: ${client}`);
    return client;
  });
}

function clientOf(name: string, section: string): Client | string {
  const commands: string[] = [], files: File[] = [], secured: Client["secured"][number][] = [];
  let output: string[] | null = null;
  for (const [, language, text] of section.matchAll(FENCE)) {
    const file = NAMED.exec(text)?.[1] ?? null;
    if (language === "") output = text.trimEnd().split("\n");
    else if (output !== null) secured.push({ name: file, text });
    else if (file !== null) files.push({ name: file, text });
    else if (language === "sh") commands.push(text);
    else return `a block of ${language} says no name: ${text.slice(0, 60)}`;
  }
  const [install, command, ...more] = commands;
  if (command === undefined || more.length > 0) {
    return `it has ${commands.length} commands, not two`;
  }
  if (files.length === 0) return "it has no program";
  if (output === null) return "it does not say what is printed";
  return { name, install, files, command, output, secured };
}

/** The commands that make a broker with TLS and a user. */
export function securingOf(page: string): string {
  const section = page.split(/^## /m).find((one) => one.startsWith("With TLS and a password\n"));
  const block = section?.match(/^```sh\n([^]*?)^```$/m)?.[1];
  if (block === undefined) throw new Error("The page does not say how a broker with TLS is made");
  return block;
}

/** The program with the snippet in the place of the one line that begins as a line of it does, up to its first `=`. */
export function withSnippet(program: string, snippet: string): string {
  const beginning = (line: string) => /^\s*([\w ,:]+=)/.exec(line)?.[1] ?? null;
  const lines = program.split("\n");
  for (const line of snippet.split("\n").map(beginning)) {
    if (line === null) continue;
    const places = lines.flatMap((one, i) => beginning(one) === line ? [i] : []);
    if (places.length === 1) return lines.with(places[0], snippet.trimEnd()).join("\n");
  }
  throw new Error(`No line of the program begins as one of these does:\n${snippet}`);
}
