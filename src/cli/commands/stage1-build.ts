import { defineCommand } from "../command.ts";

/** `stage1 build`: makes and signs the image a regime starts pods from, out of this host's own programs. */
export const stage1Build = defineCommand({
  args: { regime: { help: "Regime (default systemd)", optional: true } },
  flags: {
    "kernel-package": {
      type: "string",
      placeholder: "NAME",
      help: "kvm: download this kernel package (default: an installed kernel, else the distribution's cloud kernel)",
    },
    "kernel-deb": { type: "string", placeholder: "FILE", help: "kvm: take the kernel from this package file" },
    kernel: { type: "string", placeholder: "FILE", help: "kvm: kernel image of your own, with --kernel-modules" },
    "kernel-modules": { type: "string", placeholder: "DIR", help: "kvm: its lib/modules/VERSION directory" },
  },
  examples: ["stage1 build systemd", "stage1 build kvm --kernel-package=linux-image-cloud-amd64"],

  async run({ args, flags, engine, out, signal }) {
    const calls = await engine();
    const settings = Object.fromEntries(
      Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    );
    const built = await calls.buildStage1({ regime: args.regime ?? "systemd", settings }, { signal });
    out.result(built, (one) => `Built ${one.regime} ${one.digest ?? ""}`.trimEnd());
    return undefined;
  },
});
