/** Signal numbers of Linux by the names systemd gives in $EXIT_STATUS. Spec: signal(7). */
export const SIGNALS: readonly (readonly [string, number])[] = [
  ["HUP", 1],
  ["INT", 2],
  ["QUIT", 3],
  ["ILL", 4],
  ["TRAP", 5],
  ["ABRT", 6],
  ["BUS", 7],
  ["FPE", 8],
  ["KILL", 9],
  ["USR1", 10],
  ["SEGV", 11],
  ["USR2", 12],
  ["PIPE", 13],
  ["ALRM", 14],
  ["TERM", 15],
  ["STKFLT", 16],
  ["XCPU", 24],
  ["XFSZ", 25],
  ["VTALRM", 26],
  ["PROF", 27],
  ["IO", 29],
  ["POLL", 29],
  ["PWR", 30],
  ["SYS", 31],
]; // prettier-ignore

/**
 * The program that runs when an app has ended: records how, and ends the pod with the code of the first app that failed.
 * Called with "pre-start" for the handler before an app: only its failure counts. With "post-stop UNIT" that handler runs
 * to its end before the pod may go. Shell built-ins only, except for systemctl when the code has to be handed to systemd. $EXIT_CODE, $EXIT_STATUS and
 * $SERVICE_RESULT come from systemd. Spec: systemd.exec(5), "Environment variables in spawned processes".
 */
export function renderExitedScript(): string {
  const cases = SIGNALS.map(([name, number]) => `    ${name}) code=${128 + number} ;;`).join("\n");
  return `#!/bin/sh
app=$1
code=$EXIT_STATUS
if [ "$EXIT_CODE" != exited ]; then
  case $EXIT_STATUS in
${cases}
    *) code=255 ;;
  esac
fi
[ "$2$code" = pre-start0 ] && exit 0
[ "$2" = post-stop ] && systemctl --no-ask-password start "$3"
echo "exitCode=$code result=$SERVICE_RESULT how=$EXIT_CODE" > "/gantry/status/$app"
[ "$code" = 0 ] && exit 0
set -C
{ echo "$code" > /gantry/exit-code; } 2> /dev/null || [ ! -e /gantry/exit-code ] || exit 0
systemctl --no-ask-password --no-block exit "$code"
`;
}
