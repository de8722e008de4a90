import { resolve } from "node:path";
import { type ImageName, repositoryOf } from "../image/image-name.ts";
import type { ImageArgument } from "../image/reference.ts";
import { openFiles } from "../sys/linux/files.ts";
import { buildBundleArtifact } from "../transport/bundle-artifact.ts";
import { openLayoutSource } from "../transport/layout/open-layout-source.ts";
import { writeSignatureToLayout } from "../transport/layout/write-signature-to-layout.ts";
import { cosignTag } from "../transport/registry/fetch-cosign-signatures.ts";
import { openRegistrySource } from "../transport/registry/open-registry-source.ts";
import { pushCosignSignature } from "../transport/registry/push-cosign-signature.ts";
import { pushSignature } from "../transport/registry/push-signature.ts";
import { createRegistryClient } from "../transport/registry/registry-client.ts";
import { SIGN_PREDICATE } from "../trust/sigstore/evidence.ts";
import { makeBundle, makeCosignLayer } from "../trust/sigstore/make-signature.ts";
import { readSigstorePrivateKey, type SigstorePrivateKey } from "../trust/sigstore/private-key.ts";
import type { EngineContext } from "./context.ts";
import type { SignedImage } from "./engine-calls.ts";
import { UseCaseError } from "./errors.ts";
import { listSigningSubjects, type SigningSubject } from "./list-signing-subjects.ts";
import { reachForWriting } from "./open-registry.ts";
import { readIdentity, registryName } from "./sign-simple.ts";
import { openUserPath } from "./user-path.ts";

/** An image to sign with a sigstore key. */
export interface SigstoreSigning {
  readonly format: "cosign" | "bundle";
  readonly keyFile: string | undefined;
  readonly argument: ImageArgument;
  /** Name inside a cosign signature; default: the registry reference itself. */
  readonly identity?: string;
}

interface SignOptions {
  readonly signal?: AbortSignal;
}

const MAX_KEY_BYTES = 64 * 1024;

/**
 * Signs with a sigstore key what the reference means and every manifest beneath it: `cosign` beneath cosign's `.sig` tag,
 * `bundle` as an attached sigstore bundle (also in a layout). Nothing is sent to a transparency log.
 * @throws {TrustError} "trust/bad-key", "trust/cannot-sign"; {UseCaseError} "engine/not-signable", "engine/bad-input"
 */
export async function signSigstore(
  ctx: EngineContext,
  input: SigstoreSigning,
  options: SignOptions = {},
): Promise<SignedImage> {
  const key = await readKey(ctx, input.keyFile);
  if (input.argument.kind === "oci-layout" && input.format === "bundle")
    return await signLayout(input.argument, key, options);
  const name = registryName(input.argument);
  const { host, image } = await reachForWriting(ctx, name, options);
  await using source = openRegistrySource(host, image);
  const subjects = await listSigningSubjects(source, options);
  const client = createRegistryClient(host, image);
  const made = input.format === "cosign" ? makeLayers(key, { subjects, name, identity: input.identity }) : undefined;
  const bundles = input.format === "bundle" ? await makeArtifacts(key, subjects) : [];
  let placedAt = "";
  for (const one of (made ?? []).toReversed())
    placedAt = `:${(await pushCosignSignature(client, one, options)) ?? cosignTag(one.subject)}`;
  for (const artifact of bundles.toReversed()) {
    await pushSignature(client, artifact, options);
    placedAt = `@${artifact.manifest.descriptor.digest}`;
  }
  return resultOf(key, subjects, `docker://${repositoryOf(name)}${placedAt}`);
}

async function readKey(ctx: EngineContext, keyFile: string | undefined): Promise<SigstorePrivateKey> {
  if (keyFile === undefined) {
    throw new UseCaseError("engine/bad-input", "Cannot sign in this format with a gpg key: it takes a sigstore key", {
      hint: "pass --key FILE, as written by cosign generate-key-pair or openssl",
    });
  }
  const { directory, name } = openUserPath(keyFile);
  const passphrase = ctx.env["GANTRY_KEY_PASSPHRASE"] ?? ctx.env["COSIGN_PASSWORD"] ?? "";
  return await readSigstorePrivateKey({ bytes: directory.readBytes(name, MAX_KEY_BYTES), passphrase });
}

function makeLayers(
  key: SigstorePrivateKey,
  {
    subjects,
    name,
    identity,
  }: { readonly subjects: readonly SigningSubject[]; readonly name: ImageName; readonly identity: string | undefined },
) {
  const dockerReference = readIdentity(identity, name);
  return subjects.map(({ descriptor }) => ({
    subject: descriptor.digest,
    ...makeCosignLayer(key, { manifestDigest: descriptor.digest, dockerReference }),
  }));
}

async function makeArtifacts(key: SigstorePrivateKey, subjects: readonly SigningSubject[]) {
  const artifacts: ReturnType<typeof buildBundleArtifact>[] = [];
  for (const { descriptor } of subjects) {
    const bytes = await makeBundle(key, descriptor.digest);
    artifacts.push(buildBundleArtifact(descriptor, { bytes, predicateType: SIGN_PREDICATE }));
  }
  return artifacts;
}

async function signLayout(
  argument: Extract<ImageArgument, { readonly kind: "oci-layout" }>,
  key: SigstorePrivateKey,
  options: SignOptions,
): Promise<SignedImage> {
  const directory = openFiles(resolve(argument.path));
  await using source = openLayoutSource(directory, argument.ref === undefined ? {} : { ref: argument.ref });
  const subjects = await listSigningSubjects(source, options);
  for (const artifact of await makeArtifacts(key, subjects)) writeSignatureToLayout(directory, artifact);
  return resultOf(key, subjects, `oci:${directory.root}${argument.ref === undefined ? "" : `:${argument.ref}`}`);
}

function resultOf(key: SigstorePrivateKey, subjects: readonly SigningSubject[], placedAt: string): SignedImage {
  return { digest: subjects[0]?.descriptor.digest ?? "", fingerprint: key.publicKey.fingerprint, placedAt };
}
