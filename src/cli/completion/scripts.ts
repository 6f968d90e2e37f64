/**
 * Scripts by which a shell asks `runnel __complete` for what may come next. They hand over what is typed as it stands and
 * take what is printed as data: a line that says of what kind it is, then one for each candidate. Nothing of it is ever
 * evaluated; a group may be called `$(id)`.
 */
import type { Run } from "../command.ts";
import type { Shell } from "./shells.ts";

export const printScript: Run = ({ words: [shell] }) => {
  console.log(SCRIPTS[shell as Shell](quoted(programPath())));
  return Promise.resolve(0);
};

/** The executable that is to be asked where PATH has none. */
function programPath(): string {
  const path = Deno.execPath();
  return /\/deno[^/]*$/.test(path) ? "runnel" : path;
}

/** For a POSIX shell, and for fish, which knows no other escape within single quotes. */
function quoted(path: string): string {
  return `'${path.replaceAll("\\", "\\\\").replaceAll("'", `'\\''`)}'`;
}

const SCRIPTS: Readonly<Record<Shell, (program: string) => string>> = {
  bash: (program) =>
    `# Completion of runnel for bash, made by: runnel completion bash
_runnel() {
  local program=runnel
  type -P runnel > /dev/null || program=${program}
  local -a lines=()
  mapfile -t lines < <("$program" __complete bash "$COMP_WORDBREAKS" "\${COMP_LINE:0:COMP_POINT}" 2> /dev/null)
  COMPREPLY=("\${lines[@]:1}")
  [ "\${lines[0]-}" != files ] || compopt -o default
}
complete -o nosort -F _runnel runnel`,
  zsh: (program) =>
    `#compdef runnel
# Completion of runnel for zsh, made by: runnel completion zsh
_runnel() {
  local program=runnel kind line
  local -a lines values shown
  (( $+commands[runnel] )) || program=${program}
  lines=("\${(@f)$("$program" __complete zsh "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2> /dev/null)}")
  kind=$lines[1]
  if [[ $kind == files ]]; then
    compset -P '--[^=]#='
    _files
    return
  fi
  for line in "\${(@)lines[2,-1]}"; do
    values+=("\${line%%$'\\t'*}")
    shown+=("\${line/$'\\t'/  -- }")
  done
  (( $#values )) || return 1
  compadd -l -d shown -a values
}
if [[ \${funcstack[1]-} == _runnel ]]; then
  _runnel "$@"
else
  compdef _runnel runnel
fi`,
  fish: (program) =>
    `# Completion of runnel for fish, made by: runnel completion fish
function __runnel_complete
    set -l program runnel
    type -q runnel; or set program ${program}
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($program __complete fish $before[2..-1] "$current" 2>/dev/null)
    switch "$lines[1]"
        case files
            set -l flag (string match -r -- '^--[^=]*=' "$current")
            set -l path (string replace -r -- '^--[^=]*=' '' "$current")
            printf '%s\\n' "$flag"(__fish_complete_path "$path")
        case '*'
            test (count $lines) -gt 1; and printf '%s\\n' $lines[2..-1]
    end
end
complete -c runnel -f -a '(__runnel_complete)'`,
};
