// Signatures made elsewhere and verified here, and the other way round, with the real tools of other people.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTestRegistry } from "../src/testing/registry/start-test-registry.ts";
import { startDebianRegistry } from "./harness/debian-registry.ts";
import { createGpgKey, type GpgKey } from "./harness/gpg-key.ts";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { runTool, succeedTool } from "./harness/tool.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 180_000;
const COSIGN = new URL("../.cache/newer/cosign/usr/bin/cosign", import.meta.url).pathname;
const HTTP = "--insecure-options=http";

interface Lab {
  readonly host: string;
  readonly key: GpgKey;
  /** Directory with registries.d and the lookaside it names, for skopeo and podman. */
  readonly registriesD: string;
  readonly lookaside: string;
}

async function openLab(world: World): Promise<Lab> {
  const { host } = await startDebianRegistry(world);
  const key = await createGpgKey(world);
  const registriesD = join(world.config, "registries.d");
  const lookaside = join(world.dir, "lookaside");
  mkdirSync(registriesD);
  writeFileSync(join(registriesD, "lab.yaml"), `docker:\n  ${host}:\n    lookaside: file://${lookaside}\n`);
  return { host, key, registriesD, lookaside };
}

/** Pushes the test image unsigned, with a tool that is not ours, and returns its digest. */
async function push(world: World, lab: Lab, name: string): Promise<string> {
  const archive = writeArchive(world, name.replaceAll("/", "-").replace(":", "-"));
  const to = `docker://${lab.host}/${name}`;
  await succeedTool(world, [
    "skopeo",
    "copy",
    "-q",
    "--insecure-policy",
    "--dest-tls-verify=false",
    `oci-archive:${archive}:1`,
    to,
  ]);
  const inspected = await succeedTool(world, ["skopeo", "inspect", "--tls-verify=false", "--format={{.Digest}}", to]);
  return inspected.stdout.trim();
}

function policyFile(world: World, name: string, policy: object): string {
  const path = join(world.dir, name);
  writeFileSync(path, JSON.stringify(policy));
  return path;
}

const signedBy = (key: GpgKey, more: object = {}) => [
  { type: "signedBy", keyType: "GPGKeys", keyPath: key.publicFile, ...more },
];
const trustKey = (world: World, prefix: string, file: string, fingerprint: string) =>
  world.succeed(["trust", "add", `--prefix=${prefix}`, file, `--fingerprint=${fingerprint}`]);
const codeOf = (stderr: string): string => JSON.parse(stderr.slice(stderr.indexOf('{"error"'))).error.code;
const fetchImage = (world: World, image: string) =>
  world.gantry([HTTP, "fetch", "--pull-policy=update", "--json", image]);

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

test(
  "policies together: policy.json cannot be loosened by a key, an exception or discovery of ours, nor loosen ours; exceptions are events",
  async () => {
    await using world = await createWorld();
    const lab = await openLab(world);
    const { host, key } = lab;
    await push(world, lab, "team/app:1");
    const app = `docker://${host}/team/app:1`;
    const own = join(world.config, "containers-policy.json");
    const write = (policy: object) => writeFileSync(own, JSON.stringify(policy));
    const anything = [{ type: "insecureAcceptAnything" }];
    const explain = async () => JSON.parse((await world.succeed(["trust", "explain", "--json", app])).stdout);

    // Accepting anything vouches for nothing.
    write({ default: anything });
    expect(codeOf((await fetchImage(world, app)).stderr)).toBe("trust/unsigned");

    // A signature it demands and gets vouches where we have no rule; a rule of ours has to hold too.
    await world.succeed([HTTP, "sign", "--format=simple", `--key=${key.secretFile}`, app]);
    write({ default: [{ type: "reject" }], transports: { docker: { [`${host}/team`]: signedBy(key) } } });
    const accepted = await world.succeed([HTTP, "fetch", "--json", app]);
    expect(JSON.parse(accepted.stdout)[0].verifiedBy).toEqual([key.fingerprint.toLowerCase()]);
    expect(await explain()).toMatchObject({
      accepted: true,
      decidedBy: "containers-policy",
      containersPolicy: { scope: `docker:${host}/team`, outcome: "vouched" },
    });
    mkdirSync(join(world.config, "policy.d"));
    const policy = (more: object) =>
      writeFileSync(
        join(world.config, "policy.d/10.json"),
        JSON.stringify({ gantryKind: "policy", gantryVersion: "v1", ...more }),
      );
    const scope = { kind: "prefix", name: host };
    policy({ rules: [{ scope, require: { anyOf: ["keyring"] } }] });
    expect(await explain()).toMatchObject({ accepted: false, decidedBy: "gantry", code: "trust/unknown-key" });

    // An exception of ours lifts our rule and is on record each time; it does not lift theirs.
    const exceptions = [{ scope, reason: "migration", expires: "2099-01-01T00:00:00Z" }];
    policy({ rules: [{ scope, require: { anyOf: ["keyring"] } }], exceptions });
    expect((await fetchImage(world, app)).exitCode).toBe(0);
    expect((await world.succeed(["audit", "log", "--json"])).stdout).toContain("exception.used");
    write({ default: [{ type: "reject" }] });
    expect(await explain()).toMatchObject({ accepted: false, decidedBy: "containers-policy" });
    const rejected = await world.gantry([HTTP, "--insecure-options=image", "fetch", "--json", app]);
    expect(codeOf(rejected.stderr)).toBe("trust/rejected-by-policy");

    // Archives are governed by their path; an unknown field makes the file unusable, and nothing runs.
    const archive = writeArchive(world, "plain");
    await key.sign(archive);
    await trustKey(world, "localhost", key.publicFile, key.fingerprint);
    policy({});
    expect((await fetchImage(world, `oci-archive:${archive}:1`)).exitCode).toBe(4);
    write({ default: [{ type: "reject" }], transports: { "oci-archive": { [world.dir]: anything } } });
    expect((await fetchImage(world, `oci-archive:${archive}:1`)).exitCode).toBe(0);
    write({ default: anything, surprise: true });
    const broken = await fetchImage(world, `oci-archive:${archive}:1`);
    expect([broken.exitCode, codeOf(broken.stderr)]).toEqual([2, "trust/bad-policy"]);
    expect(broken.stderr).toContain("surprise");

    // A revocation certificate made by gpg stops what the key signed.
    write({ default: anything });
    const certificates = join(world.gnupgHome, "openpgp-revocs.d");
    const certificate = join(certificates, readdirSync(certificates)[0] ?? "");
    expect((await world.succeed(["trust", "revoke", "--certificate", certificate])).stdout).toContain("by its owner");
    expect(codeOf((await fetchImage(world, `oci-archive:${archive}:1`)).stderr)).toBe("trust/key-revoked");
  },
  TIMEOUT_MS,
);
