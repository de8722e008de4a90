import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { parsePodId } from "../pod/names.ts";
import { putRegistryImage } from "../testing/registry/registry-image.ts";
import { startTestRegistry } from "../testing/registry/start-test-registry.ts";
import { fetchImage } from "./fetch-image.ts";
import { gcImages } from "./gc-images.ts";
import { listEvents } from "./list-events.ts";
import { listImages } from "./list-images.ts";
import { podImageOf } from "./pod-image.ts";
import { readPodNeeds } from "./pods-in-use.ts";
import { removeImages } from "./remove-images.ts";
import { openTestWorld, smallLayer } from "./test-world.suite.ts";

test("removeImages() takes names freely but not the last one of an image a pod uses, and gcImages() keeps it", async () => {
  using world = openTestWorld(["http", "image"]);
  await using registry = await startTestRegistry();
  const { ctx } = world;
  for (const tag of ["one", "two"]) putRegistryImage(registry.content, { name: "app", tag, layer: smallLayer("x") });
  const name = `${registry.host}/app`;
  const ready = await fetchImage(ctx, { image: `docker://${name}:one`, pullPolicy: "new" });
  await fetchImage(ctx, { image: `docker://${name}:two`, pullPolicy: "new" });
  const id = parsePodId(crypto.randomUUID());
  using pod = ctx.pods.create(id);
  const image = podImageOf(ready);
  const manifest = {
    gantryKind: "pod",
    gantryVersion: "v1",
    uuid: id,
    stage1: { regime: "systemd", image },
    apps: [{ image }],
  };
  pod.files().writeAtomic("pod.json", JSON.stringify(manifest));
  expect(readPodNeeds(ctx).images.get(ready.manifest.digest)).toEqual([id]);

  await expect(removeImages(ctx, { images: [`${name}:one`, `${name}:none`] })).rejects.toThrowCode("store/not-found");
  await expect(removeImages(ctx, { images: [ready.manifest.digest] })).rejects.toThrowCode("engine/image-in-use");
  await removeImages(ctx, { images: [`${name}:one`] });
  expect((await listImages(ctx)).flatMap(({ names }) => names)).toEqual([`${name}:two`]);
  await expect(removeImages(ctx, { images: [`${name}:two`] })).rejects.toThrowCode("engine/image-in-use");
  await ctx.images.removeRef(`${name}:two`);
  await Bun.sleep(5); // the grace period of zero is counted from now
  expect(await gcImages(ctx, { graceMs: 0, dryRun: false })).toMatchObject({ removedBlobs: [], removedLayers: [] });
  expect(await listEvents(ctx, { kinds: ["image.removed"] })).toMatchObject([
    { data: { image: { name: `${name}:one` } } },
  ]);
});
