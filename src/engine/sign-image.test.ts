import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import "../testing/to-throw-code.ts";
import { OCI_INDEX } from "../image/media-types.ts";
import { openFiles } from "../sys/linux/files.ts";
import { putRegistryImage } from "../testing/registry/registry-image.ts";
import { startTestRegistry } from "../testing/registry/start-test-registry.ts";
import { writeTestLayout } from "../testing/registry/write-test-layout.ts";
import { checkTrust } from "./check-trust.ts";
import { fetchImage } from "./fetch-image.ts";
import { gcImages } from "./gc-images.ts";
import { listImages } from "./list-images.ts";
import { planTrustAdd } from "./plan-trust-add.ts";
import { removeImages } from "./remove-images.ts";
import { revokeKey } from "./revoke-key.ts";
import { signImage } from "./sign-image.ts";
import { aPublisher, openTestWorld, smallLayer, type TestWorld } from "./test-world.suite.ts";

async function setUp(
  world: TestWorld,
  prefix: string,
): Promise<{ readonly fingerprint: string; readonly keyFile: string }> {
  const key = await aPublisher();
  const keyFile = `${world.dir}/private.asc`;
  writeFileSync(keyFile, key.privateKey);
  writeFileSync(`${world.dir}/public.asc`, key.publicKey);
  const plan = await planTrustAdd(world.ctx, { key: `${world.dir}/public.asc`, scope: { kind: "prefix", prefix } });
  await plan.add();
  return { fingerprint: key.fingerprint, keyFile };
}

test.each([true, false])(
  "signImage() signs an index and its images in a registry (referrers API: %p); the story goes on to removal",
  async (referrersApi) => {
    using world = openTestWorld();
    await using registry = await startTestRegistry({ referrersApi });
    const { ctx } = world;
    const name = `${registry.host}/team/app`;
    const { fingerprint, keyFile } = await setUp(world, `${registry.host}/team`);
    const put = putRegistryImage(registry.content, { name: "team/app", tag: "one", layer: smallLayer("hello") });
    const manifests = [
      {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest: put.manifest,
        size: put.manifestRaw.byteLength,
        platform: { os: "linux", architecture: "amd64" },
      },
      {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest: `sha256:${"0".repeat(64)}`,
        size: 7,
        platform: { os: "linux", architecture: "s390x" },
      },
    ];
    const index = registry.content.putManifest("team/app", {
      raw: JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }),
      mediaType: OCI_INDEX,
      tag: "latest",
    });
    await expect(fetchImage(ctx, { image: `docker://${name}`, pullPolicy: "new" })).rejects.toThrowCode(
      "trust/unsigned",
    );
    await expect(checkTrust(ctx, { image: `docker://${name}` })).rejects.toThrowCode("store/not-found");
    const signed = await signImage(ctx, { image: name, keyFile });
    expect(signed).toMatchObject({ digest: index, fingerprint });
    expect(signed.placedAt).toStartWith(`docker://${name}@sha256:`);

    const ready = await fetchImage(ctx, { image: `docker://${name}`, pullPolicy: "new" });
    expect(String(ready.manifest.digest)).toBe(put.manifest);
    expect(await listImages(ctx)).toMatchObject([{ names: [`${name}:latest`], verifiedBy: [fingerprint] }]);
    const verdict = await checkTrust(ctx, { image: put.manifest.slice(7, 20) });
    expect(verdict).toMatchObject({ accepted: true, verifiedBy: [fingerprint], digest: put.manifest });
    expect(verdict.reasons.some((line) => line.includes("good, by"))).toBe(true);
    await revokeKey(ctx, { fingerprint, reason: "stolen" });
    const refused = await checkTrust(ctx, { image: name });
    expect(refused).toMatchObject({ accepted: false, verifiedBy: [] });
    expect(refused.reasons.join("\n")).toContain("stolen");

    const kept = await gcImages(ctx, { graceMs: 0, dryRun: false });
    expect(kept.removedBlobs).toEqual([]);
    expect(await removeImages(ctx, { images: [name] })).toEqual([ready.manifest.digest]);
    await expect(removeImages(ctx, { images: [name] })).rejects.toThrowCode("store/not-found");
    await Bun.sleep(5);
    const plan = await gcImages(ctx, { graceMs: 0, dryRun: true });
    expect(plan).toMatchObject({ removedImages: [ready.manifest.digest], removedLayers: [expect.any(String)] });
    expect(plan.removedBlobs).toHaveLength(3);
    expect(await gcImages(ctx, { graceMs: 0, dryRun: false })).toEqual(plan);
    expect(await gcImages(ctx, { graceMs: 0, dryRun: true })).toMatchObject({ removedBlobs: [], removedLayers: [] });
  },
);

test("signImage() attaches to a layout and leaves nothing but blobs and the index in it", async () => {
  using world = openTestWorld();
  const { ctx, dir } = world;
  const { keyFile } = await setUp(world, "localhost/layout");
  const layout = openFiles(`${dir}/layout`);
  writeTestLayout(layout, [{ ref: "1.0", layer: smallLayer("layout") }]);
  const hadTmp = layout.has("tmp");
  const image = `oci:${dir}/layout:1.0`;
  await expect(fetchImage(ctx, { image, pullPolicy: "new" })).rejects.toThrowCode("trust/unsigned");
  expect((await signImage(ctx, { image, keyFile })).placedAt).toBe(image);
  expect(layout.has("tmp")).toBe(hadTmp);
  expect((await fetchImage(ctx, { image, pullPolicy: "new" })).trustName).toBe("localhost/layout");
  const output = `${dir}/manifest.asc`;
  expect((await signImage(ctx, { image: "localhost/layout:1.0", keyFile, output })).placedAt).toBe(output);
  expect(readFileSync(output, "utf8")).toStartWith("-----BEGIN PGP SIGNATURE-----");
  await expect(signImage(ctx, { image: `${dir}/layout`, keyFile })).rejects.toThrowCode("engine/not-signable");
  const digest = (await listImages(ctx))[0]?.digest ?? "";
  await expect(signImage(ctx, { image: digest, keyFile })).rejects.toThrowCode("engine/not-signable");
  await expect(signImage(ctx, { image: "https://example.com/x.tar", keyFile })).rejects.toThrowCode(
    "engine/not-signable",
  );
});

test("signImage() signs an archive with the user's gpg, and refuses a key nobody would accept", async () => {
  using world = openTestWorld();
  const { dir } = world;
  mkdirSync(`${dir}/gnupg`);
  chmodSync(`${dir}/gnupg`, 0o700);
  const ctx = world.with({ env: { GNUPGHOME: `${dir}/gnupg` } });
  const gpg = (...argv: string[]) =>
    ctx.programs.run({ argv: ["gpg", "--batch", "--homedir", `${dir}/gnupg`, ...argv] });
  try {
    await gpg("--passphrase", "", "--quick-generate-key", "good@example.com", "ed25519", "sign", "never");
    const listing = await gpg("--with-colons", "--list-keys", "good@example.com");
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listing.stdout)?.[1]?.toLowerCase() ?? "none";
    writeFileSync(`${dir}/app.tar`, smallLayer("archive"));
    const signed = await signImage(ctx, { image: `${dir}/app.tar`, gpgKey: "good@example.com" });
    expect(signed).toMatchObject({ fingerprint, placedAt: `${dir}/app.tar.asc` });
    const check = await gpg("--verify", `${dir}/app.tar.asc`, `${dir}/app.tar`);
    expect(check.exitCode).toBe(0);
    await gpg("--passphrase", "", "--quick-generate-key", "weak@example.com", "dsa2048", "sign", "never");
    await expect(signImage(ctx, { image: `${dir}/app.tar`, gpgKey: "weak@example.com" })).rejects.toThrowCode(
      "trust/cannot-sign",
    );
    await expect(signImage(ctx, { image: `${dir}/app.tar`, gpgKey: "nobody@example.com" })).rejects.toThrowCode(
      "trust/cannot-sign",
    );
  } finally {
    await ctx.programs.run({ argv: ["gpgconf", "--homedir", `${dir}/gnupg`, "--kill", "all"] });
  }
});
