import { formatTimestamp } from "../base/clock.ts";
import type { Descriptor } from "../image/descriptor.ts";
import { digestOf } from "../image/digest.ts";
import { encodeConfig, encodeManifest } from "../image/encode-document.ts";
import { encodeTar } from "../image/layer/encode-tar.ts";
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from "../image/media-types.ts";
import { hostPlatform } from "../image/platform.ts";
import type { PodManifest } from "../pod/manifest.ts";
import type { ProbeOptions, Stage1 } from "../pod/stage1-contract.ts";
import { Stage1Error } from "../stage1/errors.ts";
import { parseEntryPoints } from "../stage1/external/entry-points.ts";
import { addKey } from "../trust/edit-keyring.ts";
import { writeRecord } from "../trust/records.ts";
import type { EngineContext } from "./context.ts";
import { fetchImage } from "./fetch-image.ts";
import { podImageOf } from "./pod-image.ts";
import type { Stage1Summary } from "./regime-calls.ts";
import { findStage1, isStage1Image, REGIMES, stage1Host } from "./regimes.ts";
import { trustConfig } from "./trust-layers.ts";

/** Name under which this host's own stage1 images are stored and trusted. */
export const STAGE1_TRUST_NAME = "localhost/gantry/stage1";

const KEY_FILE = "keys/stage1.asc";

interface BuildOptions {
  readonly signal?: AbortSignal;
}

/**
 * The stage1 of a pod, verified like any image: of a regime, built on first use unless it needs none; or an image that is
 * a stage1 by itself.
 * @throws {Stage1Error} "stage1/unknown-regime", "stage1/bad-image"
 */
export async function readyStage1(
  ctx: EngineContext,
  regime: string,
  options: BuildOptions = {},
): Promise<PodManifest["stage1"]> {
  if (isStage1Image(regime)) return await readyStage1Image(ctx, regime, options);
  const builder = findStage1(regime).image;
  if (builder === undefined) return { regime };
  const name = stage1Name(regime);
  if (ctx.images.getRef(name) === undefined) {
    ctx.root.ensureDir("locks");
    using _lock = ctx.root.lock("locks/stage1-build", { kind: "exclusive", wait: true });
    if (ctx.images.getRef(name) === undefined) {
      ctx.options.note(`building the ${regime} stage1 from this host's ${builder.from} (once)`);
      await buildStage1(ctx, { regime }, options);
    }
  }
  // The host's own images stay verified whatever is switched off for others.
  const ready = await fetchImage(withoutInsecure(ctx), { image: name, pullPolicy: "never" }, options);
  return { regime, image: podImageOf(ready) };
}

async function readyStage1Image(
  ctx: EngineContext,
  name: string,
  options: BuildOptions,
): Promise<PodManifest["stage1"]> {
  const ready = await fetchImage(ctx, { image: name, pullPolicy: "new" }, options);
  const entries = parseEntryPoints(ready.manifest.annotations, name);
  return { regime: entries.name, image: podImageOf(ready), entries };
}

/**
 * Builds a regime's image from programs of this host, signs it with this host's key and stores it. The same host
 * programs give the same digest.
 * @throws {Stage1Error} "stage1/unknown-regime", "stage1/unsupported", "stage1/missing-tool", "stage1/build-failed"
 */
export async function buildStage1(
  ctx: EngineContext,
  input: { readonly regime: string; readonly settings?: Readonly<Record<string, string>> },
  options: BuildOptions = {},
): Promise<Stage1Summary> {
  const { regime } = input;
  const builder = findStage1(regime).image;
  if (builder === undefined) {
    throw new Stage1Error("stage1/unsupported", `Cannot build stage1 "${regime}": this regime needs no image`, {
      hint: `just use it: gantry run --stage1=${regime} IMAGE`,
    });
  }
  const settings = input.settings === undefined ? {} : { settings: input.settings };
  const layer = encodeTar(await builder.build(stage1Host(ctx, regime), { ...options, ...settings }));
  const diffId = digestOf(layer);
  const config = encodeConfig({
    platform: hostPlatform(process.arch),
    diffIds: [diffId],
    entrypoint: builder.entrypoint,
    cmd: [],
    env: [],
    user: "",
    workingDir: "/",
    volumes: [],
    exposedPorts: [],
    labels: {},
    stopSignal: "",
  });
  const blob = (mediaType: string, raw: Uint8Array): Descriptor => ({
    mediaType,
    digest: digestOf(raw),
    sizeBytes: raw.byteLength,
    annotations: {},
  });
  const raw = encodeManifest({
    config: blob(OCI_CONFIG, config),
    layers: [blob(OCI_LAYER, layer)],
    annotations: { "dev.gantry/stage1/regime": regime, "dev.gantry/stage1/interface-version": "1" },
  });
  const manifest = blob(OCI_MANIFEST, raw);
  using _import = await ctx.images.lockImport(options);
  for (const one of [config, layer, raw])
    await ctx.images.putBlob({ digest: digestOf(one), sizeBytes: one.byteLength }, [one]);
  await signStage1(ctx, { regime, raw, digest: manifest.digest });
  const before = ctx.images.getRef(stage1Name(regime))?.descriptor.digest;
  await ctx.images.setRef(stage1Name(regime), { descriptor: manifest, source: "this host" });
  const built = { stage1: regime, stage1Digest: manifest.digest };
  ctx.events.report({ type: "stage1.built", ...built });
  if (before !== undefined && before !== manifest.digest) {
    ctx.events.report({ type: "stage1.changed", ...built, from: before });
  }
  return await summarise(ctx, findStage1(regime), options);
}

/** Every built-in regime: what it is, whether this host can run it, and what is known of its image. */
export async function listStage1(ctx: EngineContext, options: ProbeOptions = {}): Promise<readonly Stage1Summary[]> {
  return await Promise.all(REGIMES.map((one) => summarise(ctx, one, options)));
}

async function summarise(ctx: EngineContext, stage1: Stage1, options: ProbeOptions): Promise<Stage1Summary> {
  const { regime, about } = stage1;
  const host = await stage1.probe(stage1Host(ctx, regime), options);
  const facts = { regime, state: host.state, host: host.detail, ...about, needsImage: stage1.image !== undefined };
  const fix = host.fix === undefined ? {} : { fix: host.fix };
  const ref = stage1.image === undefined ? undefined : ctx.images.getRef(stage1Name(regime));
  if (ref === undefined) return { ...facts, ...fix };
  const stored = ctx.images.listImages().find((image) => image.digest === ref.descriptor.digest);
  return {
    ...facts,
    ...fix,
    digest: ref.descriptor.digest,
    builtAt: formatTimestamp(ref.importedAtMs),
    ...(stored === undefined ? {} : { sizeBytes: stored.sizeBytes }),
  };
}

async function signStage1(
  ctx: EngineContext,
  image: { readonly regime: string; readonly raw: Uint8Array; readonly digest: string },
): Promise<void> {
  const { signDetached } = await import("../trust/openpgp/sign-detached.ts");
  const { HOST_IMAGE } = await import("../trust/decide-image.ts");
  const { openTrust } = await import("../trust/trust.ts");
  const { verifyImage } = await import("../trust/verify-image.ts");
  const privateKey = await hostKey(ctx);
  const signature = await signDetached({ bytes: image.raw, privateKey, atMs: ctx.clock.nowMs() });
  const record = await verifyImage(openTrust(trustConfig(ctx), ctx.clock), {
    name: `${STAGE1_TRUST_NAME}/${image.regime}`,
    manifest: { raw: image.raw, digest: image.digest },
    signatures: [{ bytes: new TextEncoder().encode(signature), from: "this host's key", over: "manifest" }],
    image: HOST_IMAGE,
    insecure: false,
  });
  writeRecord(ctx.root, record);
}

/** This host's own signing key, made at first use and trusted for its stage1 images only. */
async function hostKey(ctx: EngineContext): Promise<string> {
  if (ctx.root.has(KEY_FILE)) return ctx.root.readText(KEY_FILE, 65_536);
  const { generateKey } = await import("../trust/openpgp/generate-key.ts");
  const key = await generateKey({
    name: "Gantry stage1 of this host",
    email: "stage1@localhost",
    atMs: ctx.clock.nowMs(),
  });
  // The public half first: a crash in between leaves a key nobody can sign with, not one nobody trusts.
  addKey(ctx.root.sub("host-trust"), {
    scope: { kind: "prefix", name: STAGE1_TRUST_NAME },
    fingerprint: key.fingerprint,
    armored: key.publicKey,
  });
  ctx.root.ensureDir("keys", 0o700);
  ctx.root.writeAtomic(KEY_FILE, key.privateKey, 0o600);
  return key.privateKey;
}

function stage1Name(regime: string): string {
  return `${STAGE1_TRUST_NAME}/${regime}:latest`;
}

function withoutInsecure(ctx: EngineContext): EngineContext {
  return { ...ctx, options: { ...ctx.options, insecureOptions: new Set() } };
}
