// Gantry's own policy and the policy.json of the containers tools, together, through the binary.
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeArchive } from "./harness/images.ts";
import { codeOf, fetchImage, HTTP, openLab, push, signedBy, trustKey } from "./harness/signature-lab.ts";
import { succeedTool } from "./harness/tool.ts";
import { createWorld } from "./harness/world.ts";

const TIMEOUT_MS = 180_000;

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
    expect(await explain()).toMatchObject({
      stored: false,
      accepted: false,
      decidedBy: "gantry",
      code: "trust/unsigned",
    });
    const shown = JSON.parse((await world.succeed(["config", "--json"])).stdout);
    expect(shown.containers).toMatchObject({ policy: own, policyPresent: true, registriesDir: lab.registriesD });
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

    // Another name inside the signature satisfies only who asks for that name.
    policy({});
    const exact = (dockerReference: string) =>
      signedBy(key, { signedIdentity: { type: "exactReference", dockerReference } });
    write({ default: exact("example.com/released:1") });
    expect(codeOf((await fetchImage(world, app)).stderr)).toBe("trust/wrong-identity");
    await world.succeed([
      HTTP,
      "sign",
      "--format=simple",
      "--identity=example.com/released:1",
      `--key=${key.secretFile}`,
      app,
    ]);
    expect((await fetchImage(world, app)).exitCode).toBe(0);
    write({ default: [{ type: "reject" }], transports: { docker: { [`${host}/team`]: signedBy(key) } } });

    // An exception of ours lifts our rule and is on record each time; it does not lift theirs.
    const exceptions = [{ scope, reason: "migration", expires: "2099-01-01T00:00:00Z" }];
    policy({ rules: [{ scope, require: { anyOf: ["keyring"] } }], exceptions });
    expect((await fetchImage(world, app)).exitCode).toBe(0);
    expect((await world.succeed(["audit", "log", "--json"])).stdout).toContain("exception.used");
    write({ default: [{ type: "reject" }] });
    expect(await explain()).toMatchObject({ accepted: false, decidedBy: "containers-policy" });
    const rejected = await world.gantry([HTTP, "--insecure-options=image", "fetch", "--json", app]);
    expect(codeOf(rejected.stderr)).toBe("trust/rejected-by-policy");

    // Two tags of one image, governed differently: the record of one does not let the other start.
    policy({});
    const twin = `docker://${host}/team/app:2`;
    const insecureTls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    await succeedTool(world, ["skopeo", "copy", "-q", "--insecure-policy", ...insecureTls, app, twin]);
    const byRepository = signedBy(key, { signedIdentity: { type: "matchRepository" } });
    write({ default: byRepository });
    for (const one of [app, twin]) expect((await fetchImage(world, one)).exitCode).toBe(0);
    write({ default: byRepository, transports: { docker: { [`${host}/team/app:1`]: [{ type: "reject" }] } } });
    const run = (image: string) => world.gantry(["run", "--net=none", "--exec=/bin/true", image]);
    expect((await run(twin)).exitCode).toBe(0);
    expect((await run(app)).exitCode).toBe(254);
    expect((await run(twin)).exitCode).toBe(0);

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
