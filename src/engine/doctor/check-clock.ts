import { formatTimestamp } from "../../base/clock.ts";
import type { EngineContext } from "../context.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { failed, passed } from "./section.ts";

/** No clock that is right shows an earlier time to this program. */
const WRITTEN_AT_MS = Date.UTC(2026, 0, 1);
const ABSURD_MS = Date.UTC(2100, 0, 1);

/** Whether the clock can be right: expiry of keys and certificates hangs on it. */
export async function checkClock(ctx: EngineContext): Promise<readonly DoctorCheck[]> {
  const nowMs = ctx.clock.nowMs();
  const detail = `it is ${formatTimestamp(nowMs)}`;
  if (nowMs >= WRITTEN_AT_MS && nowMs < ABSURD_MS) return [passed("clock", detail)];
  return [
    failed(
      "clock",
      `${detail}, which cannot be: keys and certificates seem expired or not yet valid`,
      "set the clock, or start a time service (apt install systemd-timesyncd)",
    ),
  ];
}
