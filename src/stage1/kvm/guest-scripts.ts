import { LATE_MODULES } from "./kernel-modules.ts";

/** Where things lie in a guest; the same names on both sides of the channel. */
export const GUEST = {
  /** Script of the pod, read by the first init. */
  podScript: "gantry/pod.sh",
  /** The pod's root while the initramfs is still the root. */
  root: "/root",
  ports: "/dev/virtio-ports",
  io: "/gantry/io",
  statusPipe: "/gantry/io/.status",
  busybox: "usr/lib/gantry/busybox",
  agent: "usr/lib/gantry/gantry",
} as const;

const SHEBANG = "#!/usr/lib/gantry/busybox sh";

/**
 * First program of a guest, run from the initramfs by busybox: loads drivers, names disks and ports as the host does,
 * follows the pod's script and becomes systemd. Anything that goes wrong is said on the console and ends the guest.
 */
export function renderInit(): string {
  return `#!/bin/busybox sh
export PATH=/bin
fail() { echo "gantry: $1" > /dev/console; poweroff -f; sleep 60; }
mount -t devtmpfs dev /dev || poweroff -f
mount -t proc proc /proc
mount -t sysfs sys /sys
driver() { insmod "/modules/$1.ko" || fail "cannot load driver $1"; }
late=
while read -r name; do
  case $name in
    ${LATE_MODULES.join("|")}) late="$late $name" ;;
    *) driver "$name" ;;
  esac
done < /modules/order
drivers() { for name in $late; do driver "$name"; done; }
mkdir -p /dev/disk ${GUEST.ports}
for block in /sys/block/vd*; do
  serial=; read -r serial < "$block/serial"
  [ -n "$serial" ] && ln -s "../\${block##*/}" "/dev/disk/$serial"
done
for port in /sys/class/virtio-ports/vport*; do
  [ -e "$port/name" ] || continue # a terminal
  name=; read -r name < "$port/name"
  [ -n "$name" ] && ln -s "../\${port##*/}" "${GUEST.ports}/$name"
done
disk() { mkdir -p "$2"; mount -t "$3" -o ro "/dev/disk/$1" "$2" || fail "cannot mount disk $1"; }
overlay() { mount -t overlay -o "$2" overlay "$1" || fail "cannot mount the root $1"; }
shared() { mount -t virtiofs volumes "$1" || fail "cannot mount the volumes of the host"; }
bind() { mount -o bind "$1" "$2" || fail "cannot mount $2"; }
readonly_bind() { bind "$1" "$2"; mount -o remount,bind,ro "$2" || fail "cannot make $2 read-only"; }
tpm() {
  for device in /sys/class/tpm/tpm0 /sys/class/tpmrm/tpmrm0; do
    IFS=: read -r major minor < "$device/dev" || fail "cannot find the TPM"
    mknod -m 600 "$1/\${device##*/}" c "$major" "$minor"
  done
  mount -t securityfs securityfs /sys/kernel/security || fail "cannot read what the firmware measured"
  cat /sys/kernel/security/tpm0/binary_bios_measurements > "$1/tpm0.eventlog"
  umount /sys/kernel/security
}
net() { ip "$@" || fail "cannot set up the network: ip $*"; }
. /${GUEST.podScript}
mount --move /dev ${GUEST.root}/dev
umount /proc /sys
cd ${GUEST.root}
mount --move . /
exec chroot . /usr/lib/systemd/systemd
`;
}

/**
 * Carries the apps' output and the pod's status to the host; on SIGTERM it hands over what is still in the pipes and ends.
 * Input ends with the host's end; afterwards the pipe is opened now and then, because systemd gives the same input to what
 * it runs beside the app, and would wait for a writer for ever.
 */
export function renderIoScript(): string {
  return `${SHEBANG}
pump() {
  exec 3<> "$1"
  trap 'exec 3>&-; wait; exit 0' TERM
  cat < "$1" > "$2" 3>&- &
  wait
}
feed() {
  cat < "$1" > "$2"
  while :; do : > "$2"; sleep 0.2; done
}
pids=
while read -r pipe port direction; do
  case $direction in
    out) pump "${GUEST.io}/$pipe" "${GUEST.ports}/$port" & pids="$pids $!" ;;
    in) feed "${GUEST.ports}/$port" "${GUEST.io}/$pipe" & feeders="$feeders $!" ;;
  esac
done < /gantry/pumps
trap 'kill -KILL $feeders 2> /dev/null; kill -TERM $pids; wait; exit 0' TERM
wait
`;
}

/** Listens to the host: \`stop\` ends the pod in order, \`exec N\` starts a session on that port. */
export function renderControlScript(): string {
  return `${SHEBANG}
exec < ${GUEST.ports}/ctl
while read -r word argument; do
  case $word in
    stop) [ -e /run/gantry-ending ] || { : > /run/gantry-ending; systemctl --no-ask-password --no-block start poweroff.target 2> /dev/null; } ;;
    size) /${GUEST.busybox} stty -F /dev/hvc0 rows "\${argument% *}" cols "\${argument#* }" 2> /dev/null ;;
    update)
      app=\${argument%% *}
      # Every other word is a property of a unit, made of names and numbers by the host.
      systemctl set-property --runtime "app-$app.service" \${argument#* } 2> /dev/null ;;
    exec) /${GUEST.agent} __stage1 kvm session "$argument" < /dev/null > /dev/null 2>&1 & ;;
  esac
done
`;
}

/** Tells the host that an app has been started. */
export function renderStartedScript(): string {
  return `${SHEBANG}
echo "started $1" > ${GUEST.statusPipe}
`;
}

/** Tells the host how an app has ended, and ends the pod when it failed. Variables come from systemd. Spec: systemd.exec(5). */
export function renderGuestExitedScript(signals: readonly (readonly [string, number])[]): string {
  const cases = signals.map(([name, number]) => `    ${name}) code=${128 + number} ;;`).join("\n");
  return `${SHEBANG}
code=$EXIT_STATUS
if [ "$EXIT_CODE" != exited ]; then
  case $EXIT_STATUS in
${cases}
    *) code=255 ;;
  esac
fi
[ "$2$code" = pre-start0 ] && exit 0
[ "$2" = post-stop ] && systemctl --no-ask-password start "$3" 2> /dev/null
result=\${SERVICE_RESULT:-none}
# systemd says oom-kill only where it was to act on it; the kernel's own count tells in any case.
while read -r what count; do
  [ "$what" = oom_kill ] && [ "$count" -gt 0 ] && [ "$code" = 137 ] && result=oom-kill
done 2> /dev/null < "/sys/fs/cgroup/system.slice/app-$1.service/memory.events"
echo "exited $1 $code $result $(date +%s)" > ${GUEST.statusPipe}
[ "$code" = 0 ] && exit 0
[ -e /run/gantry-ending ] && exit 0
: > /run/gantry-ending
systemctl --no-ask-password --no-block start poweroff.target 2> /dev/null
`;
}

/** Last of all, when every app has ended and all output is with the host. */
export function renderEndScript(): string {
  return `${SHEBANG}
sync
poweroff -f
`;
}
