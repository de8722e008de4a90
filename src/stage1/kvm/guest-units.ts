const COMMON = `DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target`;

/** Units every guest has; stopping in reverse order, they let output reach the host before the power goes off. */
export const GUEST_UNITS: ReadonlyMap<string, string> = new Map([
  [
    "gantry-end.service",
    `[Unit]
Description=End of the pod
${COMMON}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStop=/usr/lib/gantry/end
`,
  ],
  [
    "gantry-io.service",
    `[Unit]
Description=Output of the apps to the host
${COMMON}
After=gantry-end.service

[Service]
Type=simple
ExecStart=/usr/lib/gantry/io
KillMode=mixed
TimeoutStopSec=10
`,
  ],
  [
    "gantry-ctl.service",
    `[Unit]
Description=Requests of the host
${COMMON}
After=gantry-io.service

[Service]
Type=simple
ExecStart=/usr/lib/gantry/ctl
KillMode=mixed
TimeoutStopSec=2
`,
  ],
]);
