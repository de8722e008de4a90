import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { putRegistryImage } from "../testing/registry/registry-image.ts";
import { startTestRegistry } from "../testing/registry/start-test-registry.ts";
import { createPod } from "./prepare-pod.ts";
import { openTestWorld, smallLayer } from "./test-world.suite.ts";
import type { RunInput } from "./use-cases.ts";

function inputFor(image: string): RunInput {
  const app = {
    image,
    args: ["hello"],
    env: [],
    supplementaryGids: [],
    mounts: [],
    readOnlyRootfs: false,
    capAdd: [],
    capDrop: [],
    noNewPrivileges: true,
    seccomp: "default",
  } as const;
  const dns = { search: [], options: [] };
  const pod = { labels: {}, volumes: [], nets: [], ports: [], dns, hostsEntries: [], pullPolicy: "new" } as const;
  return { ...pod, apps: [app], detach: false, interactive: false, insecureOptions: new Set() };
}

// After the images, before the manifest, the stage1 is looked up: that is when the collector strikes here.
test("createPod() keeps image gc away until the manifest names what the pod needs", async () => {
  using world = openTestWorld(["http", "image"]);
  await using registry = await startTestRegistry();
  const { ctx } = world;
  putRegistryImage(registry.content, { name: "app", tag: "1", layer: smallLayer("x") });
  let strikes = 0;
  const getRef = (name: string) => {
    if (name.includes("stage1") && strikes++ === 0) ctx.images.gcImages(() => ({ keepDigests: [], graceMs: 0 }));
    return ctx.images.getRef(name);
  };
  const input = inputFor(`docker://${registry.host}/app:1`);
  const striking = { ...ctx, images: { ...ctx.images, getRef } };
  await expect(createPod(striking, input)).rejects.toThrowCode("store/in-use");
  expect(ctx.pods.list()).toEqual([]);
});

test("createPod() that fails leaves neither pod nor name behind", async () => {
  using world = openTestWorld(["http", "image"]);
  const { ctx } = world;
  const input = { ...inputFor("oci:/nowhere"), name: "web" };
  await expect(createPod(ctx, input)).rejects.toThrowCode("transport/bad-archive");
  expect(ctx.pods.list()).toEqual([]);
  expect(ctx.root.list("pods/names")).toEqual([]);
});
