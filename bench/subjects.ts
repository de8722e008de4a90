import type { Subject } from "./subject.ts";
import { fetchMemory, fetchOneLayer, fetchOneLayerZstd, fetchTwelveLayers } from "./subjects/fetch.ts";
import { listImages } from "./subjects/list-1000-images.ts";
import { listPods } from "./subjects/list-1000-pods.ts";
import { hundredPods } from "./subjects/oci-100-pods.ts";
import { podMemory } from "./subjects/pod-memory.ts";
import { runMany } from "./subjects/run-32-at-once.ts";
import { runAnchored } from "./subjects/run-anchored.ts";
import { runDefaultNetwork } from "./subjects/run-default-network.ts";
import { runFly } from "./subjects/run-fly.ts";
import { runGvisor } from "./subjects/run-gvisor.ts";
import { runKvm } from "./subjects/run-kvm.ts";
import { runOci } from "./subjects/run-oci.ts";
import { runSystemd } from "./subjects/run-systemd.ts";
import { version } from "./subjects/version.ts";

/** Everything `npm run bench` measures, in this order. */
export const SUBJECTS: readonly Subject[] = [
  version,
  runSystemd,
  runOci,
  runGvisor,
  runFly,
  runKvm,
  runAnchored,
  runDefaultNetwork,
  podMemory,
  hundredPods,
  runMany,
  listPods,
  listImages,
  fetchOneLayer,
  fetchTwelveLayers,
  fetchOneLayerZstd,
  fetchMemory,
];
