import { findTpm } from "../audit/anchor/find-tpm.ts";
import { openTpmAnchor } from "../audit/anchor/tpm-anchor.ts";
import { openEventSink } from "../audit/event-log.ts";
import { type AuditSettings, readAuditSettings } from "../audit/settings.ts";
import { PodStore } from "../pod/pod-store.ts";
import { openImageStore } from "../store/image-store.ts";
import { systemClock } from "../sys/clock.ts";
import type { HttpClient } from "../sys/host.ts";
import { createHttpClient } from "../sys/http.ts";
import { readCallerFacts } from "../sys/linux/caller.ts";
import { openFiles } from "../sys/linux/files.ts";
import { createPrograms } from "../sys/linux/processes.ts";
import { ensureUserDir, writeUserFile } from "../sys/user-file.ts";
import { createAttestCalls } from "./attest/create-attest-calls.ts";
import { createAuditCalls } from "./audit/create-audit-calls.ts";
import type { EngineContext } from "./context.ts";
import { createImageCalls } from "./create-image-calls.ts";
import type { EngineCalls } from "./engine-calls.ts";
import type { EngineOptions } from "./engine-options.ts";

/** The engine for one command. Use cases are loaded when called: most commands need few of them. */
export function createEngine(options: EngineOptions): EngineCalls {
  const ctx = createContext(options);
  return {
    ...podCalls(ctx),
    ...imageCalls(ctx),
    ...trustCalls(ctx),
    ...hostCalls(ctx),
    ...createAttestCalls(ctx),
    ...createAuditCalls(ctx),
    ...createImageCalls(ctx),
  };
}

/** Everything use cases take from the machine. Nothing is created or changed by building it. */
export function createContext(options: EngineOptions): EngineContext {
  const root = openFiles(options.rootDir);
  const facts = readCallerFacts();
  const run = openFiles(options.runDir);
  const config = options.configDirs.map(openFiles);
  let http: HttpClient | undefined;
  let settings: AuditSettings | undefined;
  return {
    options,
    clock: systemClock,
    programs: createPrograms(),
    root,
    run,
    config,
    host: openFiles("/"),
    proc: openFiles("/proc"),
    writeUserFile,
    ensureUserDir,
    images: openImageStore(root, systemClock, facts),
    pods: new PodStore(root.sub("pods")),
    events: openEventSink(root, {
      clock: systemClock,
      ...facts,
      settings: () => {
        settings ??= readAuditSettings(config);
        return settings;
      },
      anchor: (log, wanted) =>
        wanted.anchor === "off"
          ? undefined
          : openTpmAnchor({
              log,
              settings: wanted,
              place: findTpm(openFiles("/"), wanted, process.env["GANTRY_TPM"]),
              note: options.note,
            }),
      spool: run,
      note: options.note,
    }),
    env: process.env,
    http: () => {
      http ??= createHttpClient({
        caFiles: [...options.caFiles],
        insecureTls: options.insecureOptions.has("tls"),
        allowHttp: options.insecureOptions.has("http"),
        userAgent: "gantry",
        ...(options.httpTimeoutMs === undefined ? {} : { idleTimeoutMs: options.httpTimeoutMs }),
      });
      return http;
    },
  };
}

function podCalls(ctx: EngineContext) {
  return {
    runPod: async (...[input, options]: Parameters<EngineCalls["runPod"]>) =>
      (await import("./run-pod.ts")).runPod(ctx, input, options),
    preparePod: async (...[input, options]: Parameters<EngineCalls["preparePod"]>) =>
      (await import("./prepare-pod.ts")).preparePod(ctx, input, options),
    runPrepared: async (...[input, options]: Parameters<EngineCalls["runPrepared"]>) =>
      (await import("./run-pod.ts")).runPrepared(ctx, input, options),
    listPods: async () => (await import("./pod-status.ts")).listPods(ctx),
    podStatus: async (...[input, options]: Parameters<EngineCalls["podStatus"]>) =>
      (await import("./pod-status.ts")).podStatus(ctx, input, options),
    podLogs: (...[input, options]: Parameters<EngineCalls["podLogs"]>) =>
      lazily(async () => (await import("./pod-logs.ts")).podLogs(ctx, input, options)),
    execInPod: async (...[input]: Parameters<EngineCalls["execInPod"]>) =>
      (await import("./exec-pod.ts")).execInPod(ctx, input),
    collectPod: async (...[input]: Parameters<EngineCalls["collectPod"]>) =>
      (await import("./auto-remove.ts")).collectPod(ctx, input),
    stage1Helper: async (...[input, options]: Parameters<EngineCalls["stage1Helper"]>) =>
      (await import("./exec-pod.ts")).stage1Helper(ctx, input, options),
    setPodsPaused: async (...[input]: Parameters<EngineCalls["setPodsPaused"]>) =>
      (await import("./control-pods.ts")).setPodsPaused(ctx, input),
    checkpointPod: async (...[input, options]: Parameters<EngineCalls["checkpointPod"]>) =>
      (await import("./checkpoint-pod.ts")).checkpointPod(ctx, input, options),
    importPod: async (...[input, options]: Parameters<EngineCalls["importPod"]>) =>
      (await import("./import-pod.ts")).importPod(ctx, input, options),
    restorePod: async (...[input, options]: Parameters<EngineCalls["restorePod"]>) =>
      (await import("./restore-pod.ts")).restorePod(ctx, input, options),
    podStats: async (...[input]: Parameters<EngineCalls["podStats"]>) =>
      (await import("./control-pods.ts")).podStats(ctx, input),
    updatePod: async (...[input]: Parameters<EngineCalls["updatePod"]>) =>
      (await import("./control-pods.ts")).updatePod(ctx, input),
    attachToPod: async (...[input, options]: Parameters<EngineCalls["attachToPod"]>) =>
      (await import("./control-pods.ts")).attachToPod(ctx, input, options),
    stopPods: async (...[input, options]: Parameters<EngineCalls["stopPods"]>) =>
      (await import("./stop-pods.ts")).stopPods(ctx, input, options),
    removePods: async (...[input, options]: Parameters<EngineCalls["removePods"]>) =>
      (await import("./remove-pods.ts")).removePods(ctx, input, options),
    gcPods: async (...[input]: Parameters<EngineCalls["gcPods"]>) => (await import("./gc-pods.ts")).gcPods(ctx, input),
    catManifest: async (...[input]: Parameters<EngineCalls["catManifest"]>) =>
      (await import("./cat-manifest.ts")).catManifest(ctx, input),
  };
}

function imageCalls(ctx: EngineContext) {
  return {
    fetchImages: async (...[input, options]: Parameters<EngineCalls["fetchImages"]>) =>
      (await import("./fetch-images.ts")).fetchImages(ctx, input, options),
    unpackJob: async (...[input]: Parameters<EngineCalls["unpackJob"]>) =>
      (await import("./unpack-job.ts")).runUnpackJob(input.payload),
    listImages: async () => (await import("./list-images.ts")).listImages(ctx),
    removeImages: async (...[input]: Parameters<EngineCalls["removeImages"]>) =>
      (await import("./remove-images.ts")).removeImages(ctx, input),
    gcImages: async (...[input]: Parameters<EngineCalls["gcImages"]>) =>
      (await import("./gc-images.ts")).gcImages(ctx, input),
    buildImage: async (...[input, options]: Parameters<EngineCalls["buildImage"]>) =>
      (await import("./build-image.ts")).buildImage(ctx, input, options),
    assembleIndex: async (...[input, options]: Parameters<EngineCalls["assembleIndex"]>) =>
      (await import("./assemble-index.ts")).assembleIndex(ctx, input, options),
    convertImage: async (...[input, options]: Parameters<EngineCalls["convertImage"]>) =>
      (await import("./convert-image.ts")).convertImage(ctx, input, options),
    copyImages: async (...[input, options]: Parameters<EngineCalls["copyImages"]>) =>
      (await import("./copy-images.ts")).copyImages(ctx, input, options),
    signImage: async (...[input, options]: Parameters<EngineCalls["signImage"]>) =>
      (await import("./sign-image.ts")).signImage(ctx, input, options),
    discover: async (...[input, options]: Parameters<EngineCalls["discover"]>) =>
      (await import("./discover.ts")).discover(ctx, input, options),
  };
}

function trustCalls(ctx: EngineContext) {
  return {
    planTrustAdd: async (...[input, options]: Parameters<EngineCalls["planTrustAdd"]>) =>
      (await import("./plan-trust-add.ts")).planTrustAdd(ctx, input, options),
    listKeys: async () => (await import("./list-keys.ts")).listKeys(ctx),
    removeKey: async (...[input]: Parameters<EngineCalls["removeKey"]>) =>
      (await import("./remove-key.ts")).removeKey(ctx, input),
    revokeKey: async (...[input]: Parameters<EngineCalls["revokeKey"]>) =>
      (await import("./revoke-key.ts")).revokeKey(ctx, input),
    checkTrust: async (...[input]: Parameters<EngineCalls["checkTrust"]>) =>
      (await import("./check-trust.ts")).checkTrust(ctx, input),
  };
}

function hostCalls(ctx: EngineContext) {
  return {
    buildStage1: async (...[input, options]: Parameters<EngineCalls["buildStage1"]>) =>
      (await import("./stage1-image.ts")).buildStage1(ctx, input, options),
    listStage1: async (...[options]: Parameters<EngineCalls["listStage1"]>) =>
      (await import("./stage1-image.ts")).listStage1(ctx, options),
    listNetworks: async () => (await import("./list-networks.ts")).listNetworks(ctx),
    checkNetworks: async (...[options]: Parameters<EngineCalls["checkNetworks"]>) =>
      (await import("./check-networks.ts")).checkNetworks(ctx, options),
    doctor: async (...[options]: Parameters<EngineCalls["doctor"]>) =>
      (await import("./doctor.ts")).doctor(ctx, options),
    effectiveConfig: async () => (await import("./effective-config.ts")).effectiveConfig(ctx),
  };
}

async function* lazily<T>(open: () => Promise<AsyncIterable<T>>): AsyncGenerator<T> {
  yield* await open();
}
