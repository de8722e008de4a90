import type { Stage1 } from "../pod/stage1-contract.ts";
import { Stage1Error } from "../stage1/errors.ts";
import { systemdStage1 } from "../stage1/systemd/stage1.ts";

/** Every built-in regime. */
export const REGIMES: readonly Stage1[] = [systemdStage1];

/** @throws {Stage1Error} "stage1/unknown-regime" */
export function findStage1(name: string): Stage1 {
  const found = REGIMES.find((regime) => regime.regime === name);
  if (found !== undefined) return found;
  throw new Stage1Error("stage1/unknown-regime", `Cannot find stage1 "${name}": there is no such regime`, {
    hint: `use one of: ${REGIMES.map((regime) => regime.regime).join(", ")}`,
  });
}
