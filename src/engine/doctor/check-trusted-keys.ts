import { openKeyring } from "../../trust/keyring.ts";
import { openPolicy } from "../../trust/open-policy.ts";
import type { EngineContext } from "../context.ts";
import { trustLayers } from "../trust-layers.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { passed, type SectionOptions, warned } from "./section.ts";

/** Whether any key is trusted besides this host's own, and the policy can be read. */
export async function checkTrustedKeys(ctx: EngineContext, _options: SectionOptions): Promise<readonly DoctorCheck[]> {
  const layers = trustLayers(ctx);
  const policy = openPolicy(layers);
  const { entries, revocations } = openKeyring(layers);
  const trusted = entries.filter(
    (entry) => entry.layer !== "host" && !entry.masked && !revocations.has(entry.fingerprint),
  );
  const rules = passed("policy", `${policy.rules.length} rules, ${policy.exceptions.length} exceptions`);
  if (trusted.length > 0) return [passed("trusted keys", `${trusted.length} trusted`), rules];
  return [
    warned(
      "trusted keys",
      "none: every image will be refused",
      "trust a publisher: gantry trust add --prefix example.com/app",
    ),
    rules,
  ];
}
