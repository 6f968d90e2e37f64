/** Tally: the checks of a campaign, as they are printed, and the evidence of those that failed. */

export class Tally {
  readonly #suite: string;
  readonly #evidence: string | null;
  passed = 0;
  failed = 0;

  /** With a folder for evidence, `keep` puts aside what a start is about to change. */
  constructor(suite: string, evidence: string | null) {
    this.#suite = suite;
    this.#evidence = evidence;
  }

  check(title: string, complaints: readonly string[]): boolean {
    const isRight = complaints.length === 0;
    if (isRight) this.passed++;
    else this.failed++;
    console.log(`${isRight ? "ok  " : "FAIL"} ${this.#suite}: ${title}`);
    for (const complaint of complaints.slice(0, 5)) {
      console.log(`       ${complaint.slice(0, 200)}`);
    }
    if (complaints.length > 5) console.log(`       and ${complaints.length - 5} more`);
    return isRight;
  }

  /** The directory as the blow has left it, in the place of the one before. */
  async keep(data: string): Promise<void> {
    if (this.#evidence === null) return;
    const last = `${this.#evidence}/last`;
    await bash(
      `mkdir -p ${this.#evidence} && rm -rf ${last} && cp -r --sparse=always ${data} ${last}`,
    );
  }

  /** What was put aside last shows a fault: keeps it under a name, with the complaints and the broker's log. */
  async testify(name: string, complaints: readonly string[], log: string): Promise<void> {
    if (this.#evidence === null) return;
    const folder = `${this.#evidence}/${this.#suite}-${name}`;
    await bash(
      `rm -rf ${folder} && mv ${this.#evidence}/last ${folder} && tail -c 200000 ${log} > ${folder}/broker.log`,
    );
    await Deno.writeTextFile(`${folder}/complaints.txt`, complaints.join("\n") + "\n");
    console.log(`       evidence in ${folder}`);
  }

  /** Prints the tally and ends the process. */
  exit(): never {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    Deno.exit(this.failed === 0 && this.passed > 0 ? 0 : 1);
  }
}

/** Runs a command line; throws an Error with what it said when it fails. */
export async function bash(line: string): Promise<void> {
  const { code, stderr } = await new Deno.Command("bash", { args: ["-c", line] }).output();
  if (code !== 0) throw new Error(`${line}: ${new TextDecoder().decode(stderr).trim()}`);
}
