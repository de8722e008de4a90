import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKey } from "./generate-key.ts";
import { readKeys } from "./read-keys.ts";
import { signDetached } from "./sign-detached.ts";
import { type SignatureFinding, verifyDetached } from "./verify-detached.ts";

const MESSAGE = new TextEncoder().encode('{"schemaVersion":2}');
const YEAR_MS = 365 * 86_400_000;
let home = "";

function gpg(args: readonly string[], stdin?: Uint8Array): Uint8Array {
  const run = Bun.spawnSync(
    ["gpg", "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", ...args],
    {
      env: { PATH: "/usr/bin:/bin", GNUPGHOME: home, HOME: home },
      ...(stdin === undefined ? {} : { stdin }),
    },
  );
  if (run.exitCode !== 0) throw new TypeError(`gpg ${args.join(" ")}: ${run.stderr.toString()}`);
  return new Uint8Array(run.stdout);
}

const exportKey = (user: string) => gpg(["--export", "--armor", user]);
const sign = (user: string, extra: readonly string[] = []) =>
  gpg([...extra, "--armor", "--detach-sign", "--local-user", user, "--output", "-"], MESSAGE);

async function judge(input: {
  key: Uint8Array;
  signature: Uint8Array;
  message?: Uint8Array;
  atMs?: number;
}): Promise<readonly SignatureFinding[]> {
  const atMs = input.atMs ?? Date.now() + 5000;
  const keys = (await readKeys(input.key, atMs)).map((one) => one.key);
  return await verifyDetached({ message: input.message ?? MESSAGE, signature: input.signature, keys, atMs });
}

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "gantry-gpg-"));
  gpg(["--quick-gen-key", "ed <ed@example.com>", "ed25519", "sign", "1y"]);
  gpg(["--quick-gen-key", "rsa <rsa@example.com>", "rsa2048", "sign", "never"]);
  gpg(["--quick-gen-key", "weak <weak@example.com>", "rsa1024", "sign", "never"]);
  gpg(["--quick-gen-key", "dsa <dsa@example.com>", "dsa2048", "sign", "never"]);
  gpg(["--quick-gen-key", "sub <sub@example.com>", "ed25519", "cert", "never"]);
  const list = new TextDecoder().decode(gpg(["--list-keys", "--with-colons", "sub@example.com"]));
  const fingerprint =
    list
      .split("\n")
      .find((line) => line.startsWith("fpr"))
      ?.split(":")[9] ?? "";
  gpg(["--quick-add-key", fingerprint, "rsa2048", "sign", "1y"]);
}, 60_000);
afterAll(() => {
  Bun.spawnSync(["gpgconf", "--kill", "all"], { env: { PATH: "/usr/bin:/bin", GNUPGHOME: home } });
  rmSync(home, { recursive: true, force: true });
});

test.each(["ed", "rsa", "sub"])("verifyDetached() accepts what gpg signed with the %s key", async (name) => {
  const user = `${name}@example.com`;
  const [finding] = await judge({ key: exportKey(user), signature: sign(user) });
  expect(finding?.kind).toBe("good");
});

test("verifyDetached() finds one changed byte", async () => {
  const [finding] = await judge({
    key: exportKey("ed"),
    signature: sign("ed"),
    message: MESSAGE.map((byte, i) => (i === 3 ? byte ^ 1 : byte)),
  });
  expect(finding?.kind).toBe("bad");
});

test("verifyDetached() refuses SHA-1 signatures, RSA 1024 and DSA as weak", async () => {
  const [sha1] = await judge({ key: exportKey("rsa"), signature: sign("rsa", ["--digest-algo", "SHA1"]) });
  const [rsa] = await judge({ key: exportKey("weak"), signature: sign("weak") });
  const [dsa] = await judge({ key: exportKey("dsa"), signature: sign("dsa") });
  expect([sha1?.kind, rsa?.kind, dsa?.kind]).toEqual(["weak", "weak", "weak"]);
});

test("verifyDetached() refuses a key, or subkey, from its expiry on", async () => {
  const atMs = Date.now() + 2 * YEAR_MS;
  const [key] = await judge({ key: exportKey("ed"), signature: sign("ed"), atMs });
  const [sub] = await judge({ key: exportKey("sub"), signature: sign("sub"), atMs });
  expect([key?.kind, sub?.kind]).toEqual(["expired", "expired"]);
});

test("verifyDetached() refuses a text-mode signature", async () => {
  const [finding] = await judge({ key: exportKey("rsa"), signature: sign("rsa", ["--textmode"]) });
  expect(finding?.kind).toBe("bad");
});

test("verifyDetached() judges each of several signatures for itself", async () => {
  const other = new TextEncoder().encode("other");
  const wrong = gpg(["--detach-sign", "--local-user", "ed", "--output", "-"], other);
  const right = gpg(["--detach-sign", "--local-user", "rsa", "--output", "-"], MESSAGE);
  const both = new Uint8Array([...wrong, ...right]);
  const key = new Uint8Array([...exportKey("ed"), ...exportKey("rsa")]);
  expect((await judge({ key, signature: both })).map((one) => one.kind)).toEqual(["bad", "good"]);
});

test("verifyDetached() names the unknown signer", async () => {
  expect((await judge({ key: exportKey("ed"), signature: sign("rsa") })).map((one) => one.kind)).toEqual([
    "unknown-key",
  ]);
});

test("verifyDetached() refuses a key that carries its revocation certificate", async () => {
  gpg(["--quick-gen-key", "gone <gone@example.com>", "ed25519", "sign", "never"]);
  const signature = sign("gone");
  const list = new TextDecoder().decode(gpg(["--list-keys", "--with-colons", "gone@example.com"]));
  const fingerprint =
    list
      .split("\n")
      .find((line) => line.startsWith("fpr"))
      ?.split(":")[9] ?? "";
  const certificate = join(home, "openpgp-revocs.d", `${fingerprint}.rev`);
  writeFileSync(certificate, readFileSync(certificate, "utf8").replace(":-----BEGIN", "-----BEGIN"));
  gpg(["--import", certificate]);
  expect((await judge({ key: exportKey("gone"), signature })).map((one) => one.kind)).toEqual(["revoked"]);
});

test("verifyDetached() reads a 200 MB message without keeping it", async () => {
  const own = await generateKey({ name: "own", email: "own@example.com" });
  const signature = new TextEncoder().encode(
    await signDetached({ bytes: MESSAGE, privateKey: own.privateKey, atMs: Date.now() }),
  );
  const keys = (await readKeys(new TextEncoder().encode(own.publicKey), Date.now() + 5000)).map((one) => one.key);
  const before = process.memoryUsage().rss;
  async function* big(): AsyncGenerator<Uint8Array> {
    const chunk = new Uint8Array(1 << 20);
    for (let i = 0; i < 200; i++) yield chunk;
  }
  const [finding] = await verifyDetached({ message: big(), signature, keys, atMs: Date.now() + 5000 });
  expect(finding?.kind).toBe("bad");
  expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
});

test("signDetached() makes what gpg verifies", async () => {
  const own = await generateKey({ name: "own", email: "own@example.com" });
  const paths = { key: join(home, "own.asc"), data: join(home, "data"), sig: join(home, "data.asc") };
  writeFileSync(paths.key, own.publicKey);
  writeFileSync(paths.data, MESSAGE);
  writeFileSync(paths.sig, await signDetached({ bytes: MESSAGE, privateKey: own.privateKey, atMs: Date.now() }));
  gpg(["--import", paths.key]);
  gpg(["--verify", paths.sig, paths.data]);
});
