// Signatures made elsewhere and verified here, and the other way round, with the real tools of other people.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTestRegistry } from "../src/testing/registry/start-test-registry.ts";
import { createGpgKey } from "./harness/gpg-key.ts";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { codeOf, fetchImage, HTTP, openLab, policyFile, push, signedBy, trustKey } from "./harness/signature-lab.ts";
import { runTool, succeedTool } from "./harness/tool.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 180_000;
const COSIGN = new URL("../.cache/newer/cosign/usr/bin/cosign", import.meta.url).pathname;

test(
  "simple signing: skopeo signs into a lookaside and we verify; we sign and skopeo and podman verify; other bytes and names are refused",
  async () => {
    await using world = await createWorld();
    const lab = await openLab(world);
    const { host, key } = lab;
    const reject = policyFile(world, "demands.json", {
      default: [{ type: "reject" }],
      transports: { docker: { [host]: signedBy(key) } },
    });

    // skopeo copy --sign-by → verified here by the keyring.
    const archive = writeArchive(world, "theirs", busyboxImage([{ path: "theirs", content: "x" }]));
    const theirs = `docker://${host}/team/theirs:1`;
    const copy = ["skopeo", "--registries.d", lab.registriesD, "copy", "-q", "--dest-tls-verify=false"] as const;
    await succeedTool(world, [
      ...copy,
      "--insecure-policy",
      "--sign-by",
      key.fingerprint,
      `oci-archive:${archive}:1`,
      theirs,
    ]);
    expect(codeOf((await fetchImage(world, theirs)).stderr)).toBe("trust/unknown-key");
    await trustKey(world, host, key.publicFile, key.fingerprint);
    const fetched = await world.succeed([HTTP, "fetch", "--json", theirs]);
    expect(fetched.stdout.toLowerCase()).toContain(key.fingerprint.toLowerCase());
    const repository = readdirSync(join(lab.lookaside, "team"))[0] ?? "";
    const stored = join(lab.lookaside, "team", repository, "signature-1");
    expect(existsSync(stored)).toBe(true);

    // Signed for another tag: refused by default, as podman does.
    await succeedTool(world, [
      "skopeo",
      "copy",
      "-q",
      "--insecure-policy",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      theirs,
      `docker://${host}/team/theirs:2`,
    ]);
    expect(codeOf((await fetchImage(world, `docker://${host}/team/theirs:2`)).stderr)).toBe("trust/wrong-identity");

    // Ours → skopeo copy and podman pull under a policy that demands it.
    const digest = await push(world, lab, "team/ours:1");
    const ours = `docker://${host}/team/ours:1`;
    const secured = [...copy, "--src-tls-verify=false", `--policy=${reject}`, ours, `dir:${world.dir}/copied`] as const;
    expect((await runTool(world, secured)).exitCode).not.toBe(0);
    await world.succeed([HTTP, "sign", "--format=simple", `--key=${key.secretFile}`, ours]);
    await succeedTool(world, secured);
    const podman = [
      "podman",
      "--root",
      `${world.dir}/podman`,
      "--runroot",
      `${world.dir}/podman-run`,
      "--storage-driver=vfs",
    ] as const;
    const pulled = await runTool(
      world,
      [...podman, "pull", "-q", "--tls-verify=false", `--signature-policy=${reject}`, `${host}/team/ours:1`],
      {
        REGISTRIES_D: lab.registriesD,
      },
    );
    expect(pulled.stderr).toContain("signature"); // podman reads registries.d of the host only: without it, no signature
    mkdirSync(join(world.dir, ".config/containers"), { recursive: true });
    await succeedTool(world, ["cp", "-r", lab.registriesD, join(world.dir, ".config/containers/registries.d")]);
    await succeedTool(world, [
      ...podman,
      "pull",
      "-q",
      "--tls-verify=false",
      `--signature-policy=${reject}`,
      `${host}/team/ours:1`,
    ]);
    await succeedTool(world, [...podman, "rmi", "--all", "--force"]);

    // standalone-sign and standalone-verify, both ways.
    const manifest = join(world.dir, "copied/manifest.json");
    const [sigTheirs, sigOurs] = [join(world.dir, "theirs.sig"), join(world.dir, "ours.sig")];
    await succeedTool(world, [
      "skopeo",
      "standalone-sign",
      manifest,
      `${host}/team/ours:1`,
      key.fingerprint,
      "-o",
      sigTheirs,
    ]);
    await world.succeed([HTTP, "sign", "--format=simple", `--gpg-key=${key.fingerprint}`, `--output=${sigOurs}`, ours]);
    await succeedTool(world, [
      "skopeo",
      "standalone-verify",
      manifest,
      `${host}/team/ours:1`,
      key.fingerprint.toUpperCase(),
      sigOurs,
    ]);
    const place = join(lab.lookaside, `team/ours@${digest.replace(":", "=")}`);
    writeFileSync(join(place, "signature-1"), readFileSync(sigTheirs));
    expect((await fetchImage(world, ours)).exitCode).toBe(0);

    // A signature over other bytes beside a good one: the good one suffices, the bad one is told.
    writeFileSync(join(place, "signature-2"), readFileSync(stored));
    const two = await fetchImage(world, ours);
    expect(two.exitCode).toBe(0);
    expect(two.stderr).toContain("did not count");
    writeFileSync(join(place, "signature-1"), readFileSync(stored));
    expect(codeOf((await fetchImage(world, ours)).stderr)).toBe("trust/bad-signature");
  },
  TIMEOUT_MS,
);

const NO_LOG = ["--use-signing-config=false", "--tlog-upload=false", "--allow-http-registry"];
const cosign = (world: World, ...args: readonly string[]) => runTool(world, [COSIGN, ...args], { COSIGN_PASSWORD: "" });

async function cosignOk(world: World, ...args: readonly string[]): Promise<string> {
  const result = await cosign(world, ...args);
  if (result.exitCode !== 0) throw new Error(`cosign ${args.join(" ")}: ${result.stderr}`);
  return result.stdout;
}

test.skipIf(!existsSync(COSIGN))(
  "cosign: its classic signatures and bundles are verified here, ours there, each offline; another key and a changed policy are refused",
  async () => {
    await using world = await createWorld();
    const lab = await openLab(world);
    const { host } = lab;
    await cosignOk(world, "generate-key-pair");
    const [secret, published] = [join(world.dir, "cosign.key"), join(world.dir, "cosign.pub")];
    const verify = (name: string) =>
      cosign(world, "verify", "--key", published, "--insecure-ignore-tlog=true", "--allow-http-registry", name);

    // Theirs, in both forms, refused until the key is trusted for the name.
    const [classic, bundled] = [`${host}/co/classic`, `${host}/co/bundled`];
    const ids = [await push(world, lab, "co/classic:1"), await push(world, lab, "co/bundled:1")];
    await cosignOk(
      world,
      "sign",
      "--yes",
      "--key",
      secret,
      "--new-bundle-format=false",
      ...NO_LOG,
      `${classic}@${ids[0]}`,
    );
    await cosignOk(world, "sign", "--yes", "--key", secret, ...NO_LOG, `${bundled}@${ids[1]}`);
    for (const name of [classic, bundled])
      expect(codeOf((await fetchImage(world, `docker://${name}:1`)).stderr)).toBe("trust/unknown-key");
    const der = await succeedTool(world, [
      "openssl",
      "pkey",
      "-pubin",
      "-in",
      published,
      "-outform",
      "DER",
      "-out",
      "k.der",
    ]);
    expect(der.exitCode).toBe(0);
    const fingerprint = new Bun.CryptoHasher("sha256").update(readFileSync(join(world.dir, "k.der"))).digest("hex");
    await trustKey(world, `${host}/co`, published, fingerprint);
    for (const name of [classic, bundled]) {
      const fetched = await world.succeed([HTTP, "fetch", "--json", `docker://${name}:1`]);
      expect(JSON.parse(fetched.stdout)[0].verifiedBy).toEqual([fingerprint]);
    }

    // Ours, in both forms, with cosign's own encrypted key; cosign verifies, also beside its own.
    for (const format of ["cosign", "bundle"]) {
      const name = `${host}/co/ours-${format}`;
      await push(world, lab, `co/ours-${format}:1`);
      expect((await verify(`${name}:1`)).exitCode).not.toBe(0);
      await world.succeed([HTTP, "sign", `--format=${format}`, `--key=${secret}`, `docker://${name}:1`]);
      const verified = await verify(`${name}:1`);
      expect(`${verified.exitCode} ${verified.stderr}`).toContain("0 ");
      expect((await fetchImage(world, `docker://${name}:1`)).exitCode).toBe(0);
    }
    await world.succeed([HTTP, "sign", "--format=cosign", `--key=${secret}`, `docker://${classic}:1`]);
    expect((await verify(`${classic}:1`)).exitCode).toBe(0);

    // policy.json demands a sigstore signature for the exact name: cosign's has no tag, ours has.
    const policy = (identity: string, keyPath: string) => ({
      default: [{ type: "reject" }],
      transports: { docker: { [host]: [{ type: "sigstoreSigned", keyPath, signedIdentity: { type: identity } }] } },
    });
    const own = join(world.config, "containers-policy.json");
    const check = async (image: string) =>
      JSON.parse((await world.gantry(["trust", "explain", "--json", image])).stdout);
    writeFileSync(own, JSON.stringify(policy("matchRepository", published)));
    expect((await check(`docker://${classic}:1`)).containersPolicy.outcome).toBe("vouched");
    writeFileSync(own, JSON.stringify(policy("matchExact", published)));
    expect((await fetchImage(world, `docker://${host}/co/ours-cosign:1`)).exitCode).toBe(0);
    expect((await check(`docker://${bundled}:1`)).accepted).toBe(false);

    // Another key: nothing fetched before starts any more, without asking the network.
    await succeedTool(world, ["openssl", "genpkey", "-algorithm", "ed25519", "-out", "other.key"]);
    await succeedTool(world, ["openssl", "pkey", "-in", "other.key", "-pubout", "-out", "other.pub"]);
    writeFileSync(own, JSON.stringify(policy("matchRepository", join(world.dir, "other.pub"))));
    const refused = await check(`docker://${host}/co/ours-cosign:1`);
    expect([refused.accepted, refused.decidedBy, refused.code]).toEqual([
      false,
      "containers-policy",
      "trust/unknown-key",
    ]);
    expect((await world.gantry(["run", "--net=none", `docker://${host}/co/ours-cosign:1`])).exitCode).toBe(254);
  },
  TIMEOUT_MS,
);

test(
  "simple signing in the registry's own storage: skopeo signs and we verify; we sign and skopeo verifies",
  async () => {
    await using world = await createWorld();
    const registry = world.use(await startTestRegistry({ signatureStorage: true }));
    const key = await createGpgKey(world);
    const { host } = registry;
    const policy = policyFile(world, "demands.json", { default: signedBy(key) });
    const copy = ["skopeo", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false"] as const;
    const archive = writeArchive(world, "app");
    await trustKey(world, host, key.publicFile, key.fingerprint);

    const theirs = `docker://${host}/team/theirs:1`;
    await succeedTool(world, [
      ...copy,
      "--insecure-policy",
      "--sign-by",
      key.fingerprint,
      `oci-archive:${archive}:1`,
      theirs,
    ]);
    await world.succeed([HTTP, "fetch", theirs]);

    const ours = `docker://${host}/team/ours:1`;
    await succeedTool(world, [...copy, "--insecure-policy", `oci-archive:${archive}:1`, ours]);
    const secured = [...copy, `--policy=${policy}`, ours, `dir:${world.dir}/copied`] as const;
    expect((await runTool(world, secured)).exitCode).not.toBe(0);
    expect((await fetchImage(world, ours)).exitCode).toBe(4);
    await world.succeed([HTTP, "sign", "--format=simple", `--key=${key.secretFile}`, ours]);
    await succeedTool(world, secured);
    expect((await fetchImage(world, ours)).exitCode).toBe(0);
  },
  TIMEOUT_MS,
);
