import { findTpm, type TpmPlace } from "../../audit/anchor/find-tpm.ts";
import { openLogHost } from "../../audit/event-log.ts";
import type { LogHost } from "../../audit/log/open-log.ts";
import { type AuditSettings, readAuditSettings } from "../../audit/settings.ts";
import { readCallerFacts } from "../../sys/linux/caller.ts";
import type { EngineContext } from "../context.ts";

/** The parts of the audit that its own commands work on directly. */
export interface AuditParts {
  readonly settings: AuditSettings;
  readonly place: TpmPlace | undefined;
  readonly log: LogHost;
  readonly hostname: string;
}

/** Reads settings and finds the TPM; opens nothing. */
export function auditParts(ctx: EngineContext): AuditParts {
  const settings = readAuditSettings(ctx.config);
  const facts = readCallerFacts();
  return {
    settings,
    place: findTpm(ctx.host, settings, ctx.env["GANTRY_TPM"]),
    log: openLogHost(ctx.root, { clock: ctx.clock, ...facts }),
    hostname: facts.hostname,
  };
}
