/** `runnel help`: the subcommands, and every flag from the table of options. */
import { STORAGE_USAGE } from "./storage.ts";
import { BACKUP_USAGE } from "./backup.ts";
import { flagLines } from "../config/describe.ts";
import { GROUP_USAGE } from "./group.ts";

export function runHelp(): number {
  console.log(helpText());
  return 0;
}

export function helpText(): string {
  return `Usage: runnel [command] [flags]

Commands
  serve      run the broker (also when no command is given)
  backup     copy a serving broker's data, check a copy, or restore one: create, verify, restore
  config     print every option with its value and where it came from
  group      list groups, or describe one: who is in it, how far behind, what keeps it from getting on
  storage    look at the directory of a stopped broker, and decide about damage
  version    print the version
  help       print this

${BACKUP_USAGE}
${GROUP_USAGE.replaceAll(" | ", "\n")}
${STORAGE_USAGE.replaceAll(" | ", "\n")}

Flags
  --config FILE                       Configuration file; else ./runnel.toml, /etc/runnel/runnel.toml.
  --debug                             The same as --log-level=debug.
${flagLines().join("\n")}
  --topic-NAME                        A topic default under Kafka's name, with - for . (--topic-retention-ms=60000).

Each flag has a variable (--kafka-port: RUNNEL_KAFKA_PORT) and a key in the file (kafka_port).`;
}
