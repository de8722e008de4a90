import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadOpenPgp } from "./load-openpgp.ts";
import { readKeys } from "./read-keys.ts";
import { readRevocationCertificate } from "./revocation-certificate.ts";
import { type SignatureFinding, verifyDetached } from "./verify-detached.ts";

const MESSAGE = new TextEncoder().encode('{"schemaVersion":2}');
let home = "";

function gpg(args: readonly string[], stdin?: Uint8Array | string): Uint8Array {
  const base = ["gpg", "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""];
  const run = Bun.spawnSync([...base, ...args], {
    env: { PATH: "/usr/bin:/bin", GNUPGHOME: home, HOME: home },
    ...(stdin === undefined ? {} : { stdin: Buffer.from(stdin) }),
  });
  if (run.exitCode !== 0) throw new TypeError(`gpg ${args.join(" ")}: ${run.stderr.toString()}`);
  return new Uint8Array(run.stdout);
}

function fingerprintsOf(user: string): string[] {
  const list = new TextDecoder().decode(gpg(["--list-keys", "--with-colons", user]));
  return list.split("\n").flatMap((line) => (line.startsWith("fpr") ? [line.split(":")[9] ?? ""] : []));
}

const make = (user: string, ...more: readonly string[]) =>
  gpg([...more, "--quick-gen-key", `${user} <${user}@example.com>`, "ed25519", "cert", "never"]);
const exported = (user: string) => gpg(["--export", `${user}@example.com`]);
const signAs = (key: string, ...more: readonly string[]) =>
  gpg([...more, "--detach-sign", "--local-user", key, "--output", "-"], MESSAGE);

async function judge(key: Uint8Array, signature: Uint8Array): Promise<readonly SignatureFinding[]> {
  const atMs = Date.now() + 5000;
  const keys = (await readKeys(key, atMs)).map((one) => one.key);
  return await verifyDetached({ message: MESSAGE, signature, keys, atMs });
}

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "gantry-gpg-keys-"));
}, 60_000);
afterAll(() => {
  Bun.spawnSync(["gpgconf", "--kill", "all"], { env: { PATH: "/usr/bin:/bin", GNUPGHOME: home } });
  rmSync(home, { recursive: true, force: true });
});

test("a signing subkey vouches with its primary key's fingerprint until it is revoked; its sister still does", async () => {
  make("subs");
  const [primary = ""] = fingerprintsOf("subs@example.com");
  gpg(["--quick-add-key", primary, "ed25519", "sign", "1y"]);
  gpg(["--quick-add-key", primary, "rsa2048", "sign", "1y"]);
  const [, first = "", second = ""] = fingerprintsOf("subs@example.com");
  const [byFirst, bySecond] = [signAs(`${first}!`), signAs(`${second}!`)];
  expect(await judge(exported("subs"), byFirst)).toMatchObject([{ kind: "good", fingerprint: primary.toLowerCase() }]);
  gpg(["--no-batch", "--no-tty", "--command-fd", "0", "--edit-key", primary], "key 1\nrevkey\ny\n0\n\ny\nsave\n");
  expect(await judge(exported("subs"), byFirst)).toMatchObject([{ kind: "revoked" }]);
  expect(await judge(exported("subs"), bySecond)).toMatchObject([{ kind: "good" }]);
}, 60_000);

test("a subkey that its primary key claims without the subkey's own consent vouches for nothing", async () => {
  const pgp = await loadOpenPgp();
  const made = await pgp.generateKey({
    userIDs: [{ name: "thief" }],
    type: "ecc",
    curve: "ed25519Legacy",
    subkeys: [{ sign: true }],
    format: "object",
    date: new Date(Date.now() - 60_000),
  });
  const message = await pgp.createMessage({ binary: MESSAGE });
  const [subkey] = made.privateKey.subkeys;
  if (subkey === undefined) throw new TypeError("no subkey was made");
  const signingKeyIDs = [subkey.getKeyID()];
  const signature = await pgp.sign({
    message,
    signingKeys: made.privateKey,
    signingKeyIDs,
    detached: true,
    format: "binary",
  });
  expect(await judge(made.publicKey.write(), signature)).toMatchObject([{ kind: "good" }]);
  // The same binding, made again by the primary key alone.
  const binding = subkey.bindingSignatures[0] as unknown as {
    embeddedSignature: unknown;
    rawNotations: unknown[];
    sign(key: unknown, data: unknown, date: Date, detached: boolean, config: unknown): Promise<void>;
  };
  binding.embeddedSignature = null;
  binding.rawNotations = [];
  const data = { key: made.privateKey.keyPacket, bind: subkey.keyPacket };
  await binding.sign(made.privateKey.keyPacket, data, new Date(Date.now() - 50_000), false, pgp.config);
  const claimed = made.privateKey.toPublic().write();
  const [finding] = await judge(claimed, signature);
  expect(finding?.kind).toBe("bad");
});

test("MD5 and SHA-1 signatures, and keys bound by SHA-1, are weak", async () => {
  const sha1 = ["--cert-digest-algo", "SHA1"];
  gpg([...sha1, "--quick-gen-key", "old <sha1-bound@example.com>", "rsa2048", "sign", "never"]);
  const bound = signAs("sha1-bound@example.com", "--digest-algo", "SHA512");
  expect((await judge(exported("sha1-bound"), bound))[0]?.kind).toBe("weak");
  gpg(["--quick-gen-key", "rsa <rsa-md@example.com>", "rsa2048", "sign", "never"]);
  for (const hash of ["MD5", "SHA1", "RIPEMD160"]) {
    const signature = signAs("rsa-md@example.com", "--digest-algo", hash, "--allow-weak-digest-algos");
    expect((await judge(gpg(["--export", "rsa-md@example.com"]), signature))[0]?.kind).toBe("weak");
  }
}, 60_000);

test("readRevocationCertificate() takes gpg's own certificate for its key and for no other", async () => {
  make("leaver");
  make("stayer");
  const [leaver = ""] = fingerprintsOf("leaver@example.com");
  const file = readdirSync(join(home, "openpgp-revocs.d")).find((name) => name.startsWith(leaver)) ?? "";
  const certificate = readFileSync(join(home, "openpgp-revocs.d", file));
  const atMs = Date.now() + 5000;
  const keyOf = async (user: string) => (await readKeys(exported(user), atMs)).map((one) => one.key);
  const revoked = await readRevocationCertificate(certificate, await keyOf("leaver"), atMs);
  expect(revoked.fingerprint).toBe(leaver.toLowerCase());
  expect(revoked.reason).toContain("by its owner");
  await expect(readRevocationCertificate(certificate, await keyOf("stayer"), atMs)).rejects.toThrowCode(
    "trust/not-found",
  );
  const armor = new TextEncoder().encode(new TextDecoder().decode(gpg(["--armor", "--export", "leaver@example.com"])));
  await expect(readRevocationCertificate(armor, await keyOf("leaver"), atMs)).rejects.toThrowCode("trust/bad-key");
  const broken = Buffer.from(certificate.toString().replace(/\n([A-Za-z0-9+/]{20})/, "\nAAAAAAAAAAAAAAAAAAAA"));
  await expect(readRevocationCertificate(broken, await keyOf("leaver"), atMs)).rejects.toThrowCode("trust/bad-key");
}, 60_000);
