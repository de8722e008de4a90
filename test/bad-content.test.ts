import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "../src/image/media-types.ts";
import type { BuiltImage } from "../src/testing/image-builder.ts";
import type { FaultAction } from "../src/testing/registry/fault.ts";
import type { TestRegistry } from "../src/testing/registry/start-test-registry.ts";
import { busyboxImage } from "./harness/images.ts";
import { publish, sha256 } from "./harness/publish.ts";
import { startServices } from "./harness/services.ts";
import { createWorld, type World } from "./harness/world.ts";

// What registries and publishers can get wrong: every case has its exit code, a hint, and leaves no blob and no name.
const TIMEOUT_MS = 180_000;
const LOOSE = ["--insecure-options=image", "--http-timeout=1s"];

const image = (): BuiltImage => busyboxImage().build();

/** Exit code, error code, and whether there is a hint. */
async function failure(world: World, name: string): Promise<string> {
  const ran = await world.gantry([...LOOSE, "fetch", "--json", `docker://${name}`]);
  const { error } = JSON.parse(ran.stderr.trim().split("\n").at(-1) || "{}");
  return `${ran.exitCode} ${error?.code}${error?.hint === undefined ? " without a hint" : ""}`;
}

async function expectNothing(world: World): Promise<void> {
  expect(JSON.parse((await world.succeed(["image", "list", "--json"])).stdout)).toEqual([]);
  await world.succeed(["image", "gc", "--grace-period=0s"]);
  for (const dir of ["images/blobs/sha256", "layers", "refs", "tmp"]) {
    expect([dir, list(join(world.root, dir))]).toEqual([dir, []]);
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return []; // never made
  }
}

test(
  "a registry that answers with an error, with garbage, or never",
  async () => {
    await using world = await createWorld();
    const { registry } = await startServices(world);
    const digest = publish(registry, image(), { name: "app", tag: "1" });
    const at = (status: number, headers: Record<string, string> = {}): FaultAction => ({
      kind: "status",
      status,
      headers: { "retry-after": "0", ...headers },
    });
    const cases: readonly (readonly [string, FaultAction, string])[] = [
      ["/manifests/", at(401), "4 transport/unauthorized"],
      ["/manifests/", at(403), "4 transport/unauthorized"],
      ["/manifests/", at(404), "3 transport/not-found"],
      ["/manifests/", at(429), "6 transport/rate-limited"],
      ["/manifests/", at(429, { "retry-after": "3600" }), "6 transport/rate-limited"],
      ["/manifests/", at(500), "6 transport/unavailable"],
      ["/manifests/", at(503), "6 transport/unavailable"],
      ["/manifests/", at(418), "2 transport/bad-answer"],
      ["/manifests/", { kind: "garbage" }, "2 transport/bad-answer"],
      ["/manifests/", { kind: "html" }, "2 transport/bad-answer"],
      ["/manifests/", { kind: "flip-byte" }, "2 transport/bad-answer"],
      ["/manifests/", { kind: "wrong-digest-header" }, "2 transport/bad-answer"],
      ["/manifests/", { kind: "extra-bytes", count: 5_000_000 }, "2 transport/bad-answer"],
      ["/manifests/", { kind: "never" }, "6 transport/unavailable"],
      ["/blobs/", at(404), "3 transport/not-found"],
      ["/blobs/", at(503), "6 transport/unavailable"],
      ["/blobs/", { kind: "flip-byte" }, "2 store/content-mismatch"],
      ["/blobs/", { kind: "garbage" }, "2 store/content-mismatch"],
      ["/blobs/", { kind: "extra-bytes", count: 1 }, "2 store/content-mismatch"],
      ["/blobs/", { kind: "never" }, "6 transport/unavailable"],
    ];
    for (const [match, does, wanted] of cases) {
      registry.clearFaults();
      registry.addFault({ match, does });
      const name = `${registry.host}/app:1`;
      expect(`${match} ${JSON.stringify(does)}: ${await failure(world, name)}`).toBe(
        `${match} ${JSON.stringify(does)}: ${wanted}`,
      );
    }
    await expectNothing(world);
    registry.clearFaults();
    registry.addFault({ match: "/manifests/", times: 2, does: at(503) });
    registry.addFault({ match: "/manifests/", times: 1, does: at(429) });
    const [fetched] = JSON.parse(
      (await world.succeed([...LOOSE, "fetch", "--json", `docker://${registry.host}/app:1`])).stdout,
    );
    expect(fetched.digest).toBe(digest);
  },
  TIMEOUT_MS,
);

/** Puts what a publisher got wrong under the tag "1" of a repository with that name. */
type Mistake = (registry: TestRegistry, name: string) => void;

const manifestOf = (built: BuiltImage) => JSON.parse(Buffer.from(built.manifest).toString());

/** The busybox image with another manifest. */
function changed(change: (manifest: ReturnType<typeof manifestOf>) => unknown): Mistake {
  return (registry, name) => {
    const built = image();
    publish(registry, built, { name });
    const raw = JSON.stringify(change(manifestOf(built)));
    registry.content.putManifest(name, { raw, mediaType: OCI_MANIFEST, tag: "1" });
  };
}

const MISTAKES: readonly (readonly [string, Mistake, string])[] = [
  [
    "blob shorter than announced",
    changed((m) => ({ ...m, layers: [{ ...m.layers[0], size: m.layers[0].size + 1 }] })),
    "2 store/content-mismatch",
  ],
  [
    "blob longer than announced",
    changed((m) => ({ ...m, layers: [{ ...m.layers[0], size: m.layers[0].size - 1 }] })),
    "2 store/content-mismatch",
  ],
  [
    "layer of an unknown media type",
    changed((m) => ({ ...m, layers: [{ ...m.layers[0], mediaType: "application/vnd.example.squashfs" }] })),
    "2 image/unsupported-media-type",
  ],
  [
    "manifest of the first schema",
    changed(() => ({ schemaVersion: 1, name: "x", tag: "1", fsLayers: [], history: [] })),
    "2 transport/unsupported",
  ],
  ["manifest without layers", changed(({ layers: _, ...m }) => m), "2 image/bad-manifest"],
  [
    "manifest with a malformed digest",
    changed((m) => ({ ...m, config: { ...m.config, digest: "sha256:xyz" } })),
    "2 image/bad-manifest",
  ],
  ["fewer layers than the configuration says", changed((m) => ({ ...m, layers: [] })), "2 image/bad-config"],
  ["negative size", changed((m) => ({ ...m, layers: [{ ...m.layers[0], size: -1 }] })), "2 image/bad-manifest"],
  [
    "layer that is no tar",
    (registry, name) => {
      const built = busyboxImage().withLayer(new TextEncoder().encode("no tar at all"), "gzip").build();
      publish(registry, built, { name, tag: "1" });
    },
    "2 image/bad-layer",
  ],
  [
    "layer whose content is not what its diffID says",
    (registry, name) => {
      const built = image();
      publish(registry, built, { name });
      const config = JSON.parse(Buffer.from(built.config).toString());
      const raw = JSON.stringify({ ...config, rootfs: { ...config.rootfs, diff_ids: [sha256("other")] } });
      const digest = registry.content.putBlob(name, raw);
      const manifest = { ...manifestOf(built), config: { mediaType: OCI_CONFIG, digest, size: raw.length } };
      registry.content.putManifest(name, { raw: JSON.stringify(manifest), mediaType: OCI_MANIFEST, tag: "1" });
    },
    "2 store/content-mismatch",
  ],
  [
    "layer that leads out of its root",
    (registry, name) => {
      const built = busyboxImage([{ path: "../../escape", content: "x" }]).build();
      publish(registry, built, { name, tag: "1" });
    },
    "2 image/bad-layer",
  ],
  [
    "configuration that is no JSON",
    (registry, name) => {
      const built = image();
      publish(registry, built, { name });
      const digest = registry.content.putBlob(name, "{{{");
      const manifest = { ...manifestOf(built), config: { mediaType: OCI_CONFIG, digest, size: 3 } };
      registry.content.putManifest(name, { raw: JSON.stringify(manifest), mediaType: OCI_MANIFEST, tag: "1" });
    },
    "2 image/bad-config",
  ],
  [
    "index that contains itself",
    (registry, name) => {
      // No digest can be found for such an index: a registry can only pretend, and bytes then differ from their digest.
      const self = sha256("self");
      const entry = { mediaType: OCI_INDEX, digest: self, size: 300 };
      const raw = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] });
      registry.content.putManifest(name, { raw, mediaType: OCI_INDEX, tag: "1" });
      registry.content
        .repository(name)
        .manifests.set(self, { raw: Buffer.from(raw), mediaType: OCI_INDEX, digest: self });
    },
    "2 transport/bad-answer",
  ],
  [
    "index nested ten deep",
    (registry, name) => {
      const built = image();
      let inner: { mediaType: string; digest: string; size: number } = {
        mediaType: OCI_MANIFEST,
        digest: publish(registry, built, { name }),
        size: built.manifest.byteLength,
      };
      for (let depth = 0; depth < 10; depth++) {
        const raw = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [inner] });
        const digest = registry.content.putManifest(name, { raw, mediaType: OCI_INDEX, tag: "1" });
        inner = { mediaType: OCI_INDEX, digest, size: raw.length };
      }
    },
    "2 image/index-too-deep",
  ],
  [
    "an artifact that is no image",
    (registry, name) => {
      const layer = registry.content.putBlob(name, "chart");
      const config = registry.content.putBlob(name, "{}");
      const raw = JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        config: { mediaType: "application/vnd.cncf.helm.config.v1+json", digest: config, size: 2 },
        layers: [{ mediaType: OCI_LAYER, digest: layer, size: 5 }],
      });
      registry.content.putManifest(name, { raw, mediaType: OCI_MANIFEST, tag: "1" });
    },
    "2 image/unsupported-media-type",
  ],
];

test(
  "images that are not what they should be",
  async () => {
    await using world = await createWorld();
    const { registry } = await startServices(world);
    const seen: string[] = [];
    for (const [what, mistake, _] of MISTAKES) {
      const name = what.replaceAll(/[^a-zA-Z]+/g, "-").toLowerCase();
      mistake(registry, name);
      seen.push(`${what}: ${await failure(world, `${registry.host}/${name}:1`)}`);
    }
    expect(seen).toEqual(MISTAKES.map(([what, _, wanted]) => `${what}: ${wanted}`));
    await expectNothing(world);
  },
  TIMEOUT_MS,
);
