import type { EngineContext } from "../context.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { findProgram, passed, warned } from "./section.ts";

/** Programs that other isolation regimes stand on; the default one needs none of them. */
const TOOLS: readonly {
  readonly name: string;
  readonly programs: readonly string[];
  readonly why: string;
  readonly fix: string;
}[] = [
  {
    name: "QEMU",
    programs: ["qemu-system-x86_64", "qemu-system-aarch64"],
    why: "for the kvm regime",
    fix: "apt install qemu-system-x86, or qemu-system-arm",
  },
];

/** Which other regimes' programs are installed; informational, nothing here fails. */
export async function checkOtherRegimes(ctx: EngineContext): Promise<readonly DoctorCheck[]> {
  return TOOLS.map(({ name, programs, why, fix }) => {
    const found = programs.flatMap((program) => findProgram(ctx, program) ?? []);
    return found.length > 0
      ? passed(name, `${found.join(", ")}, ${why}`)
      : warned(name, `${programs.join(" or ")} not installed, ${why}`, fix);
  });
}
