import type { VerificationRecord } from "../trust/records.ts";
import type { EngineContext } from "./context.ts";

/** An image that passed, and the proof of it. */
export interface AcceptedImage {
  readonly name: string;
  readonly record: VerificationRecord;
}

/** Who or what let an image pass, for people and events. */
export function describeAcceptance(record: Pick<VerificationRecord, "acceptedBy">): string[] {
  return record.acceptedBy.map((one) => {
    if (one.kind === "key") return one.fingerprint;
    if (one.kind === "identity") return `${one.subject} (issuer ${one.issuer === "" ? "none" : one.issuer})`;
    return one.kind === "exception" ? `exception: ${one.reason}` : "insecure-option";
  });
}

/** Each use of an exception is an event, at a fetch and at every start. */
export function reportExceptions(ctx: EngineContext, { name, record }: AcceptedImage): void {
  for (const one of record.acceptedBy) {
    if (one.kind !== "exception") continue;
    const image = { name, digest: record.manifestDigest };
    ctx.events.report({ type: "exception.used", image, reason: one.reason, expires: one.expires });
  }
}
