import { generateKey } from "../../src/trust/openpgp/generate-key.ts";
import { loadOpenPgp } from "../../src/trust/openpgp/load-openpgp.ts";
import { signDetached } from "../../src/trust/openpgp/sign-detached.ts";
import { forgeImage, plainLayer } from "./forge-image.ts";
import { confined, type HostileCase, malformed, type Verdict } from "./hostile-case.ts";

const NOW_MS = Date.parse("2026-01-01T00:00:00Z");
/** Trusted for everything in the story; `stranger` is not. */
export const TRUSTED_KEY = await generateKey({ name: "Trusted", email: "trusted@example.com", atMs: NOW_MS });
const stranger = await generateKey({ name: "Stranger", email: "stranger@example.com", atMs: NOW_MS });

const by = (key: { readonly privateKey: string }, bytes: Uint8Array): Promise<string> =>
  signDetached({ bytes, privateKey: key.privateKey, atMs: NOW_MS + 60_000 });

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const NOT_VALID: Verdict = { kind: "refused", exitCode: 4, code: "trust/bad-signature" };

function signed(
  name: string,
  signature: (archive: Uint8Array) => Promise<string | Uint8Array>,
  expect: Verdict,
): HostileCase {
  return {
    name: `signature-${name}`,
    expect,
    make: () => forgeImage({ layers: [plainLayer([{ path: name, content: name }])] }),
    signature: async (archive) => {
      const made = await signature(archive);
      return typeof made === "string" ? text(made) : made;
    },
  };
}

/** A whole signed message instead of a signature beside the file. */
async function inlineMessage(archive: Uint8Array): Promise<string> {
  const pgp = await loadOpenPgp();
  const signingKeys = await pgp.readPrivateKey({ armoredKey: TRUSTED_KEY.privateKey });
  return pgp.sign({ message: await pgp.createMessage({ binary: archive }), signingKeys, format: "armored" });
}

async function cleartextMessage(): Promise<string> {
  const pgp = await loadOpenPgp();
  const signingKeys = await pgp.readPrivateKey({ armoredKey: TRUSTED_KEY.privateKey });
  return String(await pgp.sign({ message: await pgp.createCleartextMessage({ text: "trust me" }), signingKeys }));
}

/** Armored signatures joined into one block, as several signers make it. */
async function joined(parts: readonly string[]): Promise<string> {
  const pgp = await loadOpenPgp();
  const packets = await Promise.all(
    parts.map(async (armored) => (await pgp.readSignature({ armoredSignature: armored })).write() as Uint8Array),
  );
  return pgp.armor(pgp.enums.armor.signature, Buffer.concat(packets)) as string;
}

const UNKNOWN: Verdict = { kind: "refused", exitCode: 4, code: "trust/unknown-key" };

/** Signatures that prove nothing. */
export const SIGNATURE_CASES: readonly HostileCase[] = [
  signed("over-other-bytes", () => by(TRUSTED_KEY, text("other bytes")), NOT_VALID),
  signed("over-a-prefix", (archive) => by(TRUSTED_KEY, archive.subarray(0, -512)), NOT_VALID),
  signed("by-another-key", (archive) => by(stranger, archive), UNKNOWN),
  signed(
    "by-another-key-of-the-same-name",
    async (archive) => by(await generateKey({ name: "Trusted", email: "trusted@example.com", atMs: NOW_MS }), archive),
    UNKNOWN,
  ),
  signed(
    "from-the-future",
    (archive) =>
      signDetached({ bytes: archive, privateKey: TRUSTED_KEY.privateKey, atMs: Date.parse("2099-01-01T00:00:00Z") }),
    NOT_VALID,
  ),
  signed("a-whole-message", inlineMessage, NOT_VALID),
  signed("a-cleartext-message", cleartextMessage, NOT_VALID),
  signed(
    "two-both-bad",
    async (archive) => joined([await by(TRUSTED_KEY, text("other")), await by(stranger, archive)]),
    NOT_VALID,
  ),
  signed(
    "two-one-by-a-stranger",
    async (archive) => joined([await by(stranger, archive), await by(stranger, text("other"))]),
    UNKNOWN,
  ),
  signed(
    "two-one-bad",
    async (archive) => joined([await by(TRUSTED_KEY, text("other")), await by(TRUSTED_KEY, archive)]),
    confined("each signature counts for itself, and one good one by a trusted key is what the policy asks for"),
  ),
  signed("that-is-a-key", async () => TRUSTED_KEY.publicKey, NOT_VALID),
  signed("that-is-text", async () => "trust me\n", NOT_VALID),
  signed("that-is-empty", async () => "", NOT_VALID),
  signed(
    "armor-damaged",
    async (archive) => (await by(TRUSTED_KEY, archive)).replace(/\n\n(.)/, (_, c) => `\n\n${c === "A" ? "B" : "A"}`),
    NOT_VALID,
  ),
  signed(
    "of-ten-mebibytes",
    async () => `-----BEGIN PGP SIGNATURE-----\n\n${"A".repeat(10 * 1024 * 1024)}\n-----END PGP SIGNATURE-----\n`,
    malformed("sys/too-large"),
  ),
  signed(
    "packets-by-the-thousand",
    async (archive) => joined(Array(2000).fill(await by(stranger, archive))),
    malformed("sys/too-large"),
  ),
];
