/** Asks a Kafka, at the address that the command line has, and writes down what it answers. */
import { Asker } from "./asker.ts";
import type { Answers } from "./play.ts";

export async function record(
  playAll: (admin: Asker, open: (user: string) => Promise<Asker>) => Promise<Answers>,
  to: URL,
): Promise<void> {
  const [address] = Deno.args;
  const admin = await Asker.open(address, "admin", "pw");
  const answers = await playAll(admin, (user) => Asker.open(address, user, "pw"));
  admin.close();
  const count = Object.values(answers).reduce((sum, one) => sum + Object.keys(one).length, 0);
  await Deno.writeTextFile(to, `${JSON.stringify(answers, null, 1)}\n`);
  console.log(`${count} answers to ${Object.keys(answers).length} questions`);
}
