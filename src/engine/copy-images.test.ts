import { expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { parseImageArgument } from "../image/reference.ts";
import { putRegistryImage } from "../testing/registry/registry-image.ts";
import { startTestRegistry } from "../testing/registry/start-test-registry.ts";
import { openRegistrySource } from "../transport/registry/open-registry-source.ts";
import { copyImages } from "./copy-images.ts";
import { fetchImage } from "./fetch-image.ts";
import { reachForWriting } from "./open-registry.ts";
import { planTrustAdd } from "./plan-trust-add.ts";
import { signImage } from "./sign-image.ts";
import { aPublisher, openTestWorld, smallLayer } from "./test-world.suite.ts";

test("copyImages() takes signatures along: a signed image is still trusted where it was pushed, from store, layout and registry", async () => {
  using world = openTestWorld();
  await using registry = await startTestRegistry();
  const { ctx } = world;
  const key = await aPublisher();
  writeFileSync(`${world.dir}/private.asc`, key.privateKey);
  writeFileSync(`${world.dir}/public.asc`, key.publicKey);
  await (await planTrustAdd(ctx, { key: `${world.dir}/public.asc`, scope: { kind: "root" } })).add();
  putRegistryImage(registry.content, { name: "app", tag: "1", layer: smallLayer("x") });
  const image = `docker://${registry.host}/app:1`;
  await signImage(ctx, { image, keyFile: `${world.dir}/private.asc` });
  const { name } = await fetchImage(ctx, { image, pullPolicy: "update" });
  const places: readonly (readonly [string, string])[] = [
    [name, `oci:${world.dir}/layout:a`],
    [`oci:${world.dir}/layout:a`, `docker://${registry.host}/copy:1`],
    [name, `docker://${registry.host}/stored:1`],
    [image, `docker://${registry.host}/straight:1`],
  ];
  for (const [from, destination] of places) {
    const [copied] = await copyImages(ctx, { images: [from], destination, platforms: [] });
    expect([destination, copied?.signatures]).toEqual([destination, 1]);
    const fetched = await fetchImage(ctx, { image: destination, pullPolicy: "update" });
    expect(fetched.record.acceptedBy).toMatchObject([{ kind: "key", fingerprint: key.fingerprint }]);
  }
  const bare = `docker://${registry.host}/bare:1`;
  await copyImages(ctx, { images: [name], destination: bare, platforms: [], withoutSignatures: true });
  await expect(fetchImage(ctx, { image: bare, pullPolicy: "update" })).rejects.toThrowCode("trust/unsigned");
});

test("copyImages() takes cosign's signatures and sigstore bundles along, once each, and says what a place has no room for", async () => {
  using world = openTestWorld();
  await using registry = await startTestRegistry();
  const { ctx } = world;
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(`${world.dir}/key.pem`, privateKey.export({ type: "pkcs8", format: "pem" }));
  putRegistryImage(registry.content, { name: "app", tag: "1", layer: smallLayer("x") });
  const image = `docker://${registry.host}/app:1`;
  for (const format of ["cosign", "bundle"] as const)
    await signImage(ctx, { image, keyFile: `${world.dir}/key.pem`, format });
  const signaturesAt = async (name: string) => {
    const argument = parseImageArgument(`docker://${registry.host}/${name}:1`);
    if (argument.kind !== "docker") throw new TypeError(argument.kind);
    const { host, image: address } = await reachForWriting(ctx, argument.name);
    await using source = openRegistrySource(host, address);
    const found = await source.findSignatures((await source.resolve()).digest);
    return found.map(({ kind, bytes }) => [kind, Buffer.from(bytes).toString()]).toSorted();
  };
  const made = await signaturesAt("app");
  expect(made.map(([kind]) => kind)).toEqual(["bundle", "cosign"]);
  const copy = async (from: string, destination: string) => {
    const [copied] = await copyImages(ctx, { images: [from], destination, platforms: [] });
    return [copied?.signatures, copied?.signaturesLeftOut];
  };
  expect(await copy(image, `docker://${registry.host}/copy:1`)).toEqual([2, 0]);
  expect(await copy(image, `docker://${registry.host}/copy:1`)).toEqual([2, 0]);
  expect(await signaturesAt("copy")).toEqual(made);
  expect(await copy(image, `oci:${world.dir}/layout:a`)).toEqual([1, 1]);
  expect(await copy(`oci:${world.dir}/layout:a`, `docker://${registry.host}/again:1`)).toEqual([1, 0]);
  expect(await signaturesAt("again")).toEqual(made.filter(([kind]) => kind === "bundle"));
});

test("copyImages() refuses what is not stored, places it cannot write, and two images under one name", async () => {
  using world = openTestWorld(["image"]);
  const copy = (images: string[], destination: string) => copyImages(world.ctx, { images, destination, platforms: [] });
  await expect(copy(["localhost/none"], `oci:${world.dir}/l`)).rejects.toThrowCode("store/not-found");
  for (const destination of ["https://example.com/x.tar", "./file.tar", "sha256:deadbeefdeadbeef"])
    await expect(copy(["localhost/none"], destination)).rejects.toThrowCode("engine/bad-input");
  await expect(copy(["localhost/a", "localhost/b"], "docker://localhost:1/x:1")).rejects.toThrowCode(
    "engine/bad-input",
  );
  await expect(copy(["localhost/none"], "busybox")).rejects.toThrowCode("image/bad-reference");
  await expect(copy(["localhost/none"], `oci-archive:${world.dir}/no/dir.tar`)).rejects.toThrowCode("sys/not-found");
  expect(world.ctx.root.list("tmp")).toEqual([]);
});
