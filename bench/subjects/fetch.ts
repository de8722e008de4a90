import type { Lab } from "../lab.ts";
import { type LargeImagePlan, makeLargeImage } from "../large-image.ts";
import { peakMemoryOf } from "../peak-memory.ts";
import { type Fetchers, makeFetchers } from "../peers/fetchers.ts";
import { startPeerRegistry } from "../peers/registry.ts";
import { call } from "../programs.ts";
import type { Contest, Subject } from "../subject.ts";

const SIZE_MB = 250;

/** Fetch and unpack from a registry on loopback, every store empty before. */
export const fetchOneLayer = fetchSubject({ layers: 1, compression: "gzip", sizeMb: SIZE_MB });
export const fetchTwelveLayers = fetchSubject({ layers: 12, compression: "gzip", sizeMb: SIZE_MB });
export const fetchOneLayerZstd = fetchSubject({ layers: 1, compression: "zstd", sizeMb: SIZE_MB });

/** How much memory that takes at its peak. */
export const fetchMemory: Subject = {
  name: "fetch-memory",
  title: `Peak memory of \`gantry fetch\` and all its processes, ${SIZE_MB} MB in 12 layers`,
  unit: "MB",
  rounds: 3,
  open: async (lab) => {
    const { fetchers, stack } = await openFetchers(lab, { layers: 12, compression: "gzip", sizeMb: SIZE_MB });
    const name = "gantry fetch";
    return {
      base: name,
      contenders: [{ name, before: fetchers.freshGantry, run: () => peakMemoryOf(fetchers.gantry(), lab.gantryEnv()) }],
      goals: [{ text: "peak memory", value: (median) => median(name), limit: 200, unit: "MB" }],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  },
};

function fetchSubject(plan: LargeImagePlan): Subject {
  const layers = plan.layers === 1 ? "1 layer" : `${plan.layers} layers`;
  return {
    name: `fetch-${plan.layers}-${plan.compression}`,
    title: `Fetch and unpack ${plan.sizeMb} MB in ${layers}, ${plan.compression}`,
    unit: "ms",
    rounds: 5,
    open: async (lab) => contest(lab, await openFetchers(lab, plan)),
  };
}

function contest(lab: Lab, { fetchers, stack }: Opened): Contest {
  const [gantry, podman] = ["gantry fetch", "podman pull"];
  return {
    base: podman,
    contenders: [
      {
        name: gantry,
        before: fetchers.freshGantry,
        run: () => void call(fetchers.gantry(), { env: lab.gantryEnv() }),
      },
      { name: podman, before: fetchers.freshPodman, run: () => void fetchers.podman() },
      {
        name: "skopeo copy + umoci unpack",
        before: fetchers.freshSkopeo,
        run: () => void fetchers.skopeoAndUmoci(),
      },
      { name: "decompression alone", run: () => void fetchers.decompress() },
    ],
    goals: [
      { text: "gantry against podman pull", value: (median) => median(gantry) / median(podman), limit: 0.5, unit: "×" },
    ],
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

interface Opened {
  readonly fetchers: Fetchers;
  readonly stack: AsyncDisposableStack;
}

async function openFetchers(lab: Lab, plan: LargeImagePlan): Promise<Opened> {
  const stack = new AsyncDisposableStack();
  const image = makeLargeImage(lab, plan);
  const registry = stack.use(await startPeerRegistry(lab));
  return { fetchers: stack.use(makeFetchers(lab, { image, registry })), stack };
}
