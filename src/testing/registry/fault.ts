import type { Delivery, TestAnswer, TestRequest } from "./http-server.ts";

/** A misbehaviour of the registry: the first fault whose `match` and `method` fit a request is used, `times` times. */
export interface RegistryFault {
  /** Part of the path that must occur, e.g. `/blobs/`. */
  readonly match: string;
  readonly method?: string;
  /** How often; default always. */
  readonly times?: number;
  readonly does: FaultAction;
}

/** What goes wrong. */
export type FaultAction =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  | { readonly kind: "garbage" }
  | { readonly kind: "html" }
  | { readonly kind: "flip-byte" }
  | { readonly kind: "wrong-digest-header" }
  | { readonly kind: "extra-bytes"; readonly count: number }
  | { readonly kind: "cut"; readonly afterBytes: number }
  | { readonly kind: "reset" }
  | { readonly kind: "never" };

/** Hands out the fault that applies to a request, if any, counting its uses. */
export function createFaultList(): {
  add(fault: RegistryFault): void;
  clear(): void;
  take(request: TestRequest): FaultAction | undefined;
} {
  const faults: { fault: RegistryFault; left: number }[] = [];
  return {
    add: (fault) => void faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY }),
    clear: () => void faults.splice(0),
    take({ method, url }) {
      const found = faults.find(
        ({ fault, left }) => left > 0 && url.pathname.includes(fault.match) && (fault.method ?? method) === method,
      );
      if (found === undefined) return undefined;
      found.left--;
      return found.fault.does;
    },
  };
}

/** The honest answer turned into what a faulty registry sends. */
export function applyFault(action: FaultAction, answer: TestAnswer): readonly [TestAnswer, Delivery] {
  const whole = { kind: "whole" } as const;
  const body = Buffer.from(answer.body ?? "");
  const garbage = Buffer.from("\u0000\u0001{{{ not json", "utf8");
  switch (action.kind) {
    case "status":
      return [{ status: action.status, headers: { ...action.headers }, body: action.body ?? "" }, whole];
    case "garbage":
      return [
        {
          status: 200,
          headers: { "content-type": answer.headers?.["content-type"] ?? "application/json" },
          body: garbage,
        },
        whole,
      ];
    case "html":
      return [
        { status: 200, headers: { "content-type": "text/html" }, body: "<!doctype html><title>Log in</title>" },
        whole,
      ];
    case "flip-byte":
      return [{ ...answer, body: Buffer.concat([Buffer.from([(body[0] ?? 0) ^ 1]), body.subarray(1)]) }, whole];
    case "wrong-digest-header":
      return [
        { ...answer, headers: { ...answer.headers, "docker-content-digest": `sha256:${"0".repeat(64)}` } },
        whole,
      ];
    case "extra-bytes":
      return [{ ...answer, body: Buffer.concat([body, Buffer.alloc(action.count, 0x20)]) }, whole];
    case "cut":
      return [answer, action];
    case "reset":
    case "never":
      return [answer, action];
  }
}
