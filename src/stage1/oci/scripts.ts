import { signalNumber } from "../../pod/signals.ts";
import { GO_FD } from "./conmon.ts";

/** Shell words that quote any text. */
export function quoteShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** While it is there, apps end without that being recorded or told the others. */
export const QUIET_FILE = "oci/halting";

/** What the scripts of an app have to find. */
export interface ScriptInput {
  /** Absolute pod directory; its path does not change while the pod runs. */
  readonly pod: string;
  readonly app: string;
  /** Other apps of the pod and the signal each is stopped with. */
  readonly others: readonly { readonly app: string; readonly signal: number }[];
  /** Files of the app's cgroup that count what the kernel killed for want of memory. */
  readonly oomFiles: readonly string[];
  /** `cgroup.procs` of every app of the pod by app, any one hierarchy. */
  readonly members: Readonly<Record<string, string>>;
  /** `cgroup.procs` of the app, where its processes do not end with the first of them. */
  readonly leftovers?: string;
  /** Runs at the very end of the pod: ends what only served the others. */
  readonly lastly: string;
}

/**
 * The program that runs when an app has ended: records how, and when it failed stops the others. $1 is the exit code.
 * Everything is built into the shell but mv, sleep and rm.
 */
export function renderExitedScript({ pod, app, others, oomFiles, members, leftovers, lastly }: ScriptInput): string {
  const stop = others.map(
    (other) => `stop ${quoteShell(other.app)} ${other.signal} ${quoteShell(members[other.app] ?? "/dev/null")} &`,
  );
  return `#!/bin/sh
cd ${quoteShell(pod)} || exit 1
[ -e ${QUIET_FILE} ] && exit 0 # the app did not end: it is halted by a checkpoint
app=${quoteShell(app)}
code=\${1:-255}
oom=
for file in ${oomFiles.map(quoteShell).join(" ")}; do
  [ -r "$file" ] || continue
  while read -r key value; do
    [ "$key" = oom_kill ] && [ "$value" -gt 0 ] && [ "$code" = 137 ] && oom=" oom"
  done < "$file"
done
${leftovers === undefined ? ":" : `while read -r one; do kill -9 "$one"; done < ${quoteShell(leftovers)}`}
echo "$code$oom" > "status/$app" # in one write: until then it is empty, and nobody takes it for an end
signal_waits() {
  # A PID 1 without a handler never sees the signal: then there is nothing to wait for.
  while read -r key value; do
    case $key in SigCgt:|SigBlk:|SigIgn:) [ $(( (0x$value >> ($2 - 1)) & 1 )) = 1 ] && return 0 ;; esac
  done < "/proc/$1/status"
  return 1
}
stop() {
  pid=
  read -r pid < "apps/$1/pid" || [ -n "$pid" ] || return
  [ -s "status/$1" ] && return
  if signal_waits "$pid" "$2"; then
    kill -"$2" "$pid"
    tries=0
    while [ ! -s "status/$1" ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
  fi
  [ -s "status/$1" ] || while read -r one; do kill -9 "$one"; done < "$3"
}
if [ "$code" != 0 ]; then
  set -C
  if { echo "$code" > exit-code; } 2> /dev/null; then
    set +C
    # Not wait: conmon blocks SIGCHLD, and the shell would never hear of a child that ends later.
    { ${stop.length === 0 ? ":;" : stop.join(" ")} } | while read -r _; do :; done
  fi
fi
for other in ${others.map((other) => quoteShell(other.app)).join(" ")}; do [ -s "status/$other" ] || exit 0; done
${lastly}
`;
}

/** conmon's exit command: hands the code in conmon's exit file on. */
export function renderExitCommand(paths: {
  readonly exitFile: string;
  readonly exited: string;
  readonly log: string;
  /** The runtime's call that runs what the container has for its end; undefined: nothing. */
  readonly remove?: readonly string[];
}): string {
  const remove = paths.remove?.map(quoteShell).join(" ");
  return `#!/bin/sh
code=255
read -r code < ${quoteShell(paths.exitFile)} || [ -n "$code" ]
${remove === undefined ? ":" : `${remove} 2>> ${quoteShell(paths.log)}`}
exec 2>> ${quoteShell(paths.log)}
set -- "$code"
. ${quoteShell(paths.exited)}
`;
}

/** Signals that mean something to an app and nothing to Gantry, and those that end the pod; by name. */
const PASSED_SIGNALS = ["USR1", "USR2"] as const;
const STOP_SIGNALS = ["TERM", "INT", "HUP"] as const;

/** Their numbers. */
export const WAITED_SIGNALS = { stop: STOP_SIGNALS.map(signalNumber), pass: PASSED_SIGNALS.map(signalNumber) } as const;

/**
 * What a launcher in the foreground becomes: waits for the pod's lock, which its supervisors hold, and ends with the pod's
 * code. A signal is passed on as an orderly stop, USR1 and USR2 as they are. One shell and one flock(1) stay. $1 is
 * the number of a signal that has come already, or empty; one that came too late to say so is an ALRM (`catchSignals`).
 */
export function renderWaitScript(
  pod: string,
  {
    exitFiles,
    stop,
    pass,
  }: {
    readonly exitFiles: readonly string[];
    /** Calls that stop the pod, and that pass on the signal whose number follows. */
    readonly stop: readonly string[];
    readonly pass: readonly string[];
  },
): string {
  const call = (words: readonly string[]) => `${words.map(quoteShell).join(" ")} > /dev/null 2>&1 < /dev/null 9<&- &`;
  return `#!/bin/sh
trap ${quoteShell(call(stop))} ${STOP_SIGNALS.join(" ")}
trap late ALRM
read -r began rest < /proc/uptime
cd ${quoteShell(pod)} || exit 254
${PASSED_SIGNALS.map((name) => `trap ${quoteShell(call([...pass, name]))} ${name}`).join("\n")}
handle() {
  case $1 in
${PASSED_SIGNALS.map((name) => `    ${signalNumber(name)}) ${call([...pass, name])} ;;`).join("\n")}
    ?*) ${call(stop)} ;;
  esac
}
# Its number is the seconds that have passed, of which the clock shows one less at most.
late() {
  read -r now rest < /proc/uptime
  passed=$((\${now%.*} - \${began%.*}))
  for number in ${PASSED_SIGNALS.map(signalNumber).join(" ")}; do
    [ $passed != $((number - 1)) ] || passed=$number
  done
  handle $passed
}
handle "$1"
exec 9< .
flock --shared 9 &
waiter=$!
# This shell takes up signals that were blocked when it began only when something of its children wakes it.
while kill -0 $$ 2> /dev/null; do
  while read -r key value; do [ "$key" != SigBlk: ] || blocked=$value; done < /proc/$$/status
  [ "$blocked" != 0000000000000000 ] || break
  kill -CHLD $$
  sleep 0.01
done 9<&- &
while kill -0 $waiter 2> /dev/null; do wait $waiter; done
exec 9<&-
# conmon lets go of the lock a moment before it writes the code; a killed one writes nothing.
tries=0
for file in ${exitFiles.map(quoteShell).join(" ")}; do
  while [ ! -e "$file" ] && [ $tries -lt 40 ]; do sleep 0.05; tries=$((tries + 1)); done
done
code=
[ -e exit-code ] && read -r code < exit-code
for file in ${exitFiles.map(quoteShell).join(" ")}; do
  one=
  [ -e "$file" ] && read -r one < "$file"
  [ "$one" = 0 ] || [ -n "$code" ] || code=\${one:-255}
done
exit "\${code:-0}"
`;
}

/**
 * The runtime as conmon calls it: reads the null device `null` instead of the host's. Before it makes or restores the
 * container it moves into the app's cgroups, where the runtime leaves them alone, and waits until all that the container is
 * made from is there, unless the runtime does that itself. `criu` is a program that runtimes look for by that name.
 */
export function renderRuntimeScript(
  runtime: readonly string[],
  calls: {
    readonly joinFiles: readonly string[];
    readonly null: string;
    readonly criu: string | undefined;
    readonly isSpecAwaited?: boolean;
  },
): string {
  const { joinFiles, criu, isSpecAwaited = false } = calls;
  const path = criu === undefined ? "" : `PATH=${quoteShell(criu.slice(0, criu.lastIndexOf("/")))}:$PATH\n`;
  const joins = joinFiles.map((file) => `  echo 0 > ${quoteShell(file)} || exit 1\n`).join("");
  const own = ["0<", "1>", "2>"]
    .map((to) => `[ ! /proc/self/fd/${to[0]} -ef /dev/null ] || exec ${to} ${quoteShell(calls.null)}\n`)
    .join("");
  return `#!/bin/sh
${path}for word in "$@"; do
  case $word in create|restore) ;; *) continue ;; esac
${joins}${isSpecAwaited ? "" : `  read -r go <&${GO_FD} || exit 1\n  exec ${GO_FD}<&-\n`}  break
done
${own}exec ${runtime.map(quoteShell).join(" ")} "$@"
`;
}
