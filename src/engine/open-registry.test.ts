import { expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { parseImageName } from "../image/image-name.ts";
import { createCertificateAuthority } from "../testing/certificate-authority.ts";
import { putRegistryImage } from "../testing/registry/registry-image.ts";
import { startTestRegistry } from "../testing/registry/start-test-registry.ts";
import { discover } from "./discover.ts";
import { fetchImage } from "./fetch-image.ts";
import { openRegistry } from "./open-registry.ts";
import { openTestWorld, smallLayer, type TestWorld } from "./test-world.suite.ts";

function settings(world: TestWorld, text: string): void {
  mkdirSync(`${world.dir}/admin`, { recursive: true });
  writeFileSync(`${world.dir}/admin/registries.conf`, text);
}

test("openRegistry() asks mirrors in order, falls back to the rewritten registry, and keeps the logical name", async () => {
  using world = openTestWorld(["image"]);
  await using mirror = await startTestRegistry();
  await using main = await startTestRegistry();
  const put = putRegistryImage(main.content, { name: "real/app", tag: "1", layer: smallLayer("main") });
  settings(
    world,
    `[[registry]]
prefix = "example.com"
location = "${main.host}/real"
insecure = true
[[registry.mirror]]
location = "${mirror.host}/copy"
insecure = true
`,
  );
  const fetched = await fetchImage(world.ctx, { image: "docker://example.com/app:1", pullPolicy: "update" });
  expect([fetched.name, String(fetched.manifest.digest)]).toEqual(["example.com/app:1", put.manifest]);
  expect(mirror.requests.some(({ url }) => url.pathname === "/v2/copy/app/manifests/1")).toBe(true);
  expect(world.ctx.images.getRef("example.com/app:1")?.source).toBe(`registry ${main.host}/real/app`);

  const other = putRegistryImage(mirror.content, { name: "copy/app", tag: "1", layer: smallLayer("mirror") });
  const again = await fetchImage(world.ctx, { image: "docker://example.com/app:1", pullPolicy: "update" });
  expect(String(again.manifest.digest)).toBe(other.manifest);

  const found = await discover(world.ctx, { name: "docker://example.com/app:2" });
  expect(found.registries.map(({ role, prefix, insecure }) => [role, prefix, insecure])).toEqual([
    ["mirror", "example.com", true],
    ["registry", "example.com", true],
  ]);
  expect(found.registries.every(({ outcome }) => outcome.includes("not found"))).toBe(true);
  expect(found.resolved).toBeUndefined();
  const known = await discover(world.ctx, { name: "docker://example.com/app:1" });
  expect(known.resolved).toMatchObject({ digest: other.manifest, from: `registry ${mirror.host}/copy/app` });
  expect(known.registries[1]?.outcome).toBe("not asked");
});

test("openRegistry() reads a blob that the mirror lost from the registry itself", async () => {
  using world = openTestWorld(["image"]);
  await using mirror = await startTestRegistry();
  await using main = await startTestRegistry();
  for (const { content } of [main, mirror])
    putRegistryImage(content, { name: "app", tag: "1", layer: smallLayer("x") });
  mirror.content.repository("app").blobs.clear();
  settings(
    world,
    `[[registry]]\nlocation = "${main.host}"\ninsecure = true\n[[registry.mirror]]\nlocation = "${mirror.host}"\ninsecure = true\n`,
  );
  const fetched = await fetchImage(world.ctx, { image: `docker://${main.host}/app:1`, pullPolicy: "update" });
  expect(fetched.layers).toHaveLength(1);
});

test("openRegistry() refuses blocked names, malformed settings, and http that neither settings nor options allow", async () => {
  using world = openTestWorld([]);
  await using registry = await startTestRegistry();
  putRegistryImage(registry.content, { name: "app", tag: "1", layer: smallLayer("x") });
  const open = () => openRegistry(world.ctx, { name: parseImageName(`${registry.host}/app:1`) });
  await expect((await open()).resolve()).rejects.toThrowCode("transport/unavailable");
  settings(world, `[[registry]]\nlocation = "${registry.host}"\nblocked = true\n`);
  await expect(open()).rejects.toThrowCode("discovery/blocked");
  settings(world, "[[registry]]\n");
  await expect(open()).rejects.toThrowCode("discovery/bad-config");
});

test("certs.d: a registry is believed by its own authority and gets the client certificate it asks for", async () => {
  using world = openTestWorld(["image"]);
  const authority = await createCertificateAuthority(Date.now());
  const [server, client] = [await authority.issue(["localhost"]), await authority.issue(["client"])];
  await using registry = await startTestRegistry({ tls: { ...server, clientCaPem: authority.certPem } });
  putRegistryImage(registry.content, { name: "app", tag: "1", layer: smallLayer("x") });
  const fetch = () => fetchImage(world.ctx, { image: `docker://${registry.host}/app:1`, pullPolicy: "update" });
  await expect(fetch()).rejects.toThrow();
  const dir = `${world.dir}/admin/certs.d/${registry.host}`;
  mkdirSync(dir, { recursive: true });
  writeFileSync(`${dir}/ca.crt`, authority.certPem);
  writeFileSync(`${dir}/client.cert`, client.certPem);
  await expect(fetch()).rejects.toThrowCode("engine/bad-input");
  writeFileSync(`${dir}/client.key`, client.keyPem);
  expect((await fetch()).layers).toHaveLength(1);
  rmSync(`${dir}/client.key`);
  rmSync(`${dir}/client.cert`);
  await expect(fetch()).rejects.toThrow();
});

test("fetch of a name without host is refused, with the alias or the search list in the hint", async () => {
  using world = openTestWorld(["image"]);
  settings(
    world,
    'unqualified-search-registries = ["example.com"]\n[aliases]\n"busybox" = "docker.io/library/busybox"\n',
  );
  const hintOf = (image: string) =>
    fetchImage(world.ctx, { image, pullPolicy: "update" }).then(
      () => "fetched",
      (reason: { readonly hint?: string; readonly code?: string }) => `${reason.code} ${reason.hint}`,
    );
  expect(await hintOf("busybox:1")).toContain(
    "image/bad-reference names are not searched for; write the one you mean: docker://docker.io/library/busybox:1",
  );
  expect(await hintOf("other")).toContain("docker://example.com/other");
});
