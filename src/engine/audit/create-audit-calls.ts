import type { AuditCalls } from "../audit-calls.ts";
import type { EngineContext } from "../context.ts";

/** The audit's use cases, each loaded when it is called. */
export function createAuditCalls(ctx: EngineContext): AuditCalls {
  return {
    listEvents: async (input) => (await import("../list-events.ts")).listEvents(ctx, input),
    followEvents: (input, options) =>
      lazily(async () => (await import("../list-events.ts")).followEvents(ctx, input, options)),
    initAudit: async (input) => (await import("./init-audit.ts")).initAudit(ctx, input),
    checkAudit: async (input) => (await import("./check-audit.ts")).checkAudit(ctx, input),
    proveEvent: async (input) => (await import("./prove-event.ts")).proveEvent(ctx, input),
    verifyProof: async (input) => (await import("./prove-event.ts")).verifyProof(input),
    exportEvents: (input) => lazily(async () => (await import("./export-events.ts")).exportEvents(ctx, input)),
    witnessLog: async (input, options) => (await import("./witness-log.ts")).witnessLog(ctx, input, options),
    serveLog: async (input, options) => (await import("./serve-log.ts")).serveLog(ctx, input, options),
    quoteAudit: async (input) => (await import("./quote-audit.ts")).quoteAudit(ctx, input),
    archiveLog: async (input) => (await import("./archive-log.ts")).archiveLog(ctx, input),
    writeFile: ({ path, bytes }) => ctx.writeUserFile(path, bytes),
    ensureDirectory: ({ path }) => ctx.ensureUserDir(path),
    settle: () => ctx.events.settle(),
  };
}

async function* lazily<T>(open: () => Promise<AsyncIterable<T>>): AsyncGenerator<T> {
  yield* await open();
}
