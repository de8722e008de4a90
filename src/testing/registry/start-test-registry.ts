import { answerRegistry, type RegistryFeatures } from "./answer-registry.ts";
import { applyFault, createFaultList, type RegistryFault } from "./fault.ts";
import { type ServerTls, startHttpServer, type TestRequest } from "./http-server.ts";
import { RegistryContent } from "./registry-content.ts";
import { createRegistryGuard, type RegistryAuth } from "./registry-guard.ts";

/** How the registry is to be. Everything has a default: plain http, no log-in, all of the protocol, no faults. */
export interface TestRegistryOptions extends Partial<RegistryFeatures> {
  readonly tls?: ServerTls;
  readonly auth?: RegistryAuth;
  readonly faults?: readonly RegistryFault[];
}

/** A running registry. */
export interface TestRegistry extends AsyncDisposable {
  /** `localhost:PORT`. */
  readonly host: string;
  readonly content: RegistryContent;
  /** Every request so far, oldest first, token requests included. */
  readonly requests: readonly TestRequest[];
  addFault(fault: RegistryFault): void;
  clearFaults(): void;
}

/** Starts a real registry over HTTP(S) on a free loopback port; content is in memory and gone when it is disposed. */
export async function startTestRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const content = new RegistryContent();
  const faults = createFaultList();
  for (const fault of options.faults ?? []) faults.add(fault);
  const guard = createRegistryGuard(options.auth ?? { kind: "none" });
  const features = {
    referrersApi: options.referrersApi ?? true,
    ranges: options.ranges ?? true,
    signatureStorage: options.signatureStorage ?? false,
  };
  const requests: TestRequest[] = [];
  const server = await startHttpServer(
    (request) => {
      requests.push(request);
      const answer = guard(request) ?? answerRegistry(content, features, request);
      const fault = faults.take(request);
      return fault === undefined ? [answer, { kind: "whole" }] : applyFault(fault, answer);
    },
    options.tls === undefined ? {} : { tls: options.tls },
  );
  return {
    host: `localhost:${server.port}`,
    content,
    requests,
    addFault: faults.add,
    clearFaults: faults.clear,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
