import { gzipSync } from "node:zlib";
import { encodeTar } from "../../src/image/layer/encode-tar.ts";
import { busyboxImage } from "../harness/images.ts";
import { forgeImage, packedLayer } from "./forge-image.ts";
import { confined, type HostileCase, malformed, type Verdict } from "./hostile-case.ts";

const [base] = busyboxImage().layerTars;
const tar = base?.tar ?? encodeTar([]);

function withConfig(name: string, config: object, expect: Verdict): HostileCase {
  return {
    name: `config-${name}`,
    expect,
    make: () => forgeImage({ layers: [packedLayer(gzipSync(tar), tar)], configFields: { config } }),
  };
}

const NO_PROGRAM: Verdict = { kind: "refused", exitCode: 3, code: "pod/missing-executable" };
const NO_USER: Verdict = { kind: "refused", exitCode: 3, code: "pod/unknown-user" };
const BAD_OPTION: Verdict = { kind: "refused", exitCode: 2, code: "pod/bad-option" };
const SHELL = { Entrypoint: ["/bin/sh"] };

/** Configs that try to say more to the pod's init than a program, its environment and its user. */
export const CONFIG_CASES: readonly HostileCase[] = [
  withConfig(
    "environment-with-directives",
    {
      ...SHELL,
      Env: ["A=1\nExecStartPre=/bin/touch /tmp/escaped\n[Service]", 'B="; rm -rf /', "C=%n %i $A ${A} \\x41"],
    },
    confined("environment is data: it reaches the program letter by letter", {
      run: {
        args: ["-c", 'ls /tmp/escaped 2>/dev/null; echo "$A" | grep -c ExecStartPre; echo "$B"; echo "$C"'],
        stdout: '1\n"; rm -rf /\n%n %i $A ${A} \\x41\n',
      },
    }),
  ),
  withConfig(
    "command-with-specifiers",
    { Entrypoint: ["/bin/echo", "%h ${HOME} $HOME $$ ; \\n 'q' \"d\"", "two\nlines", "-", "@+!:"] },
    confined("arguments are data", {
      run: { args: [], stdout: "%h ${HOME} $HOME $$ ; \\n 'q' \"d\" two\nlines - @+!:\n" },
    }),
  ),
  withConfig("command-with-prefix", { Entrypoint: ["+/bin/id", "-u"], User: "1000" }, NO_PROGRAM),
  withConfig("user-with-directives", { ...SHELL, User: "root\nExecStartPre=/bin/true" }, NO_USER),
  withConfig("user-too-large", { ...SHELL, User: "4294967296" }, NO_USER),
  withConfig("directory-outside", { ...SHELL, WorkingDir: "../../../../etc" }, BAD_OPTION),
  withConfig("directory-with-directives", { ...SHELL, WorkingDir: "/tmp\nUser=root\n" }, BAD_OPTION),
  withConfig(
    "volume-outside",
    { ...SHELL, Volumes: { "../../../etc": {} } },
    confined("volumes an image declares stay part of its own root", {
      run: { args: ["-c", "grep -c root: /etc/passwd"], stdout: "1\n" },
    }),
  ),
  withConfig("port-out-of-range", { ...SHELL, ExposedPorts: { "99999/tcp": {} } }, malformed("image/bad-config")),
  withConfig(
    "stop-signal-with-directives",
    { ...SHELL, StopSignal: "SIGTERM\nUser=root", User: "1000" },
    confined("what is no signal is SIGTERM", { run: { args: ["-c", "id -u"], stdout: "1000\n" } }),
  ),
  withConfig(
    "labels-with-escapes",
    { ...SHELL, Labels: { "a\u001b[2J": "\u001b]0;owned\u0007" } },
    confined("labels are shown without control characters", { run: { args: ["-c", "echo ran"], stdout: "ran\n" } }),
  ),
];
