import { digestOf, parseDigest, splitDigest } from "../image/digest.ts";
import { decideImage, type ImageDecision } from "./decide-image.ts";
import { TrustError } from "./errors.ts";
import type { RecheckHost, RecheckInput } from "./recheck-input.ts";
import { imageOf, reviveSignature } from "./record-signatures.ts";
import type { VerificationRecord } from "./records.ts";
import type { Subject, SubjectDocument } from "./subject.ts";
import { openTrust, type Trust } from "./trust.ts";
import { createRecord } from "./verify-image.ts";

type Recorded = RecheckInput & { readonly record: VerificationRecord | undefined };

/**
 * The slow path of `recheck`: the whole decision again, by both policies, from the record's own signatures. Those over
 * the manifest or its index are verified cryptographically; for those over an archive, which is gone, the standing of key,
 * subkey and signature is judged as of now. Asks no network.
 * @throws {TrustError} any refusal
 */
export async function redecide(host: RecheckHost, input: Recorded): Promise<VerificationRecord> {
  const trust = openTrust(host, host.clock);
  const { subject, decided } = await decideRecorded(trust, input);
  return createRecord(trust, { name: input.name, subject, image: imageOf(input.record, input.docker), decided });
}

/** The decision about a stored image from what its record keeps. Throws no refusal. */
export async function decideRecorded(
  trust: Trust,
  input: Recorded,
): Promise<{ readonly subject: Subject; readonly decided: ImageDecision }> {
  const { record, name, insecure } = input;
  const raw = readManifest(input);
  const index = readIndex(record);
  const subject: Subject = {
    manifest: { digest: input.manifestDigest, ...(raw === undefined ? {} : { raw }) },
    ...(index === undefined ? {} : { index }),
  };
  const signatures = (record?.signatures ?? []).map(reviveSignature);
  const image = imageOf(record, input.docker);
  const decided = await decideImage(trust, { name, subject, image, signatures, insecure });
  return { subject, decided };
}

function readIndex(record: VerificationRecord | undefined): SubjectDocument | undefined {
  if (record?.index === undefined) return undefined;
  const { digest, raw, mediaType } = record.index;
  return {
    digest,
    raw: new Uint8Array(Buffer.from(raw, "base64")),
    ...(mediaType === undefined ? {} : { mediaType }),
  };
}

function readManifest(input: RecheckInput): Uint8Array | undefined {
  const raw = input.readManifest?.();
  if (raw === undefined) return undefined;
  const { algorithm } = splitDigest(parseDigest(input.manifestDigest));
  if (digestOf(raw, algorithm) === input.manifestDigest) return raw;
  throw new TrustError(
    "trust/bad-signature",
    `Cannot verify image "${input.name}": the stored manifest does not have the digest ${input.manifestDigest}`,
    {
      hint: `fetch it again: gantry fetch --pull-policy=update ${input.name}`,
    },
  );
}
