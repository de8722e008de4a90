import type { AttestCalls } from "../attest-calls.ts";
import type { EngineContext } from "../context.ts";

/** The use cases of attestation, each loaded when it is called. */
export function createAttestCalls(ctx: EngineContext): AttestCalls {
  return {
    attestAgent: async (input, options) => (await import("./serve-agent.ts")).serveAgent(ctx, input, options),
    serveFleet: async (input, options) => (await import("./serve-fleet.ts")).serveFleet(ctx, input, options),
    enrollNode: async (input, options) => (await import("./enroll-node.ts")).enrollNode(ctx, input, options),
    listNodes: async () => (await import("./manage-nodes.ts")).listFleet(ctx),
    removeNode: async (input) => (await import("./manage-nodes.ts")).removeNode(ctx, input),
    whereRan: async (input) => (await import("./manage-nodes.ts")).whereRan(ctx, input),
    acknowledgeFindings: async (input) => (await import("./manage-nodes.ts")).acknowledgeFindings(ctx, input),
  };
}
