/**
 * The pod's supervisor on the host: a small shell that holds the emulator, turns the first SIGTERM, SIGINT or SIGHUP into a
 * request to the guest and a second one into its end, and exits with the code of the first app that failed. The emulator
 * itself cannot return an exit code of the guest's choice. Arguments: control FIFO, status file, number of apps, command.
 */
export const SUPERVISOR_SCRIPT = `ctl=$1 status=$2 apps=$3
shift 3
exec 7<&0
setsid "$@" <&7 &
vm=$!
exec 7<&- < /dev/null
asked=0
ask() {
  asked=$((asked + 1))
  if [ "$asked" -gt 1 ]; then kill -KILL "$vm"; else echo stop 1<> "$ctl"; fi
}
trap ask TERM INT HUP
while :; do
  wait "$vm"
  kill -0 "$vm" 2> /dev/null || break
done
trap '' TERM INT HUP
result=0 ended=0 lines=0
text=$(head -c 65536 "$status" | tr -d '\\000')
while read -r word app code rest; do
  lines=$((lines + 1))
  [ "$lines" -gt 2000 ] && break
  [ "$word" = exited ] || continue
  ended=$((ended + 1))
  case $code in
    [1-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5]) [ "$result" = 0 ] && result=$code ;;
  esac
done << END
$text
END
[ "$result" = 0 ] && [ "$ended" -lt "$apps" ] && result=255
exit "$result"
`;
