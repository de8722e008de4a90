import { parseRecord } from "../../src/audit/log/record.ts";
import { parseCheckpoint, signCheckpoint } from "../../src/audit/note/checkpoint.ts";
import { formatVkey, generateNoteSigner, parseVkey } from "../../src/audit/note/note-keys.ts";
import { parseSignedNote } from "../../src/audit/note/signed-note.ts";
import { parseContainersPolicy } from "../../src/trust/containers/parse-containers-policy.ts";
import { generateKey } from "../../src/trust/openpgp/generate-key.ts";
import { loadOpenPgp } from "../../src/trust/openpgp/load-openpgp.ts";
import { readKeys } from "../../src/trust/openpgp/read-keys.ts";
import { signDetached } from "../../src/trust/openpgp/sign-detached.ts";
import { verifyDetached } from "../../src/trust/openpgp/verify-detached.ts";
import { parsePolicyFile } from "../../src/trust/parse-policy.ts";
import { parseScopeName } from "../../src/trust/scope.ts";
import { parseClaim } from "../../src/trust/simple/claim.ts";
import { readSignedMessage } from "../../src/trust/simple/read-signed-message.ts";
import { decoded, type FuzzTarget, JSON_WORDS, json, text } from "./target.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");
const owner = await generateKey({ name: "Fuzz", email: "fuzz@example.com", atMs: AT_MS });
const message = text("message");
const armored = await signDetached({ bytes: message, privateKey: owner.privateKey, atMs: AT_MS + 1000 });
const pgp = await loadOpenPgp();
const keys = [await pgp.readKey({ armoredKey: owner.publicKey })];
const binary = (await pgp.readSignature({ armoredSignature: armored })).write() as Uint8Array;
const signed = (await pgp.sign({
  message: await pgp.createMessage({ binary: message }),
  signingKeys: await pgp.readPrivateKey({ armoredKey: owner.privateKey }),
  format: "binary",
})) as Uint8Array;
const claim = {
  critical: {
    identity: { "docker-reference": "example.com/a:1" },
    image: { "docker-manifest-digest": `sha256:${"a".repeat(64)}` },
    type: "atomic container signature",
  },
  optional: { creator: "x", timestamp: 1 },
};
const policy = {
  default: [{ type: "reject" }],
  transports: {
    docker: {
      "example.com": [
        { type: "signedBy", keyType: "GPGKeys", keyPath: "/k", signedIdentity: { type: "matchRepository" } },
      ],
    },
  },
};
const record =
  '{"content":{"type":"pod.removed"},"content_type":"gantry","digests":[{"digest":"ab","hashAlg":"sha256"}],"recnum":1}';
const logKey = generateNoteSigner((hash) => `log-${hash.slice(0, 8)}`);
const note = signCheckpoint(logKey, { size: 5, root: Buffer.alloc(32, 7) });
const PACKETS = [
  "\x88\x5e",
  "\xc2\xff\xff\xff\xff\xff",
  "\xa3",
  "\xc8\x01",
  "\x04\x00",
  "-----BEGIN PGP SIGNATURE-----\n\n",
  "=AAAA\n",
];

/** What decides trust, and what proves history. */
export const TRUST_TARGETS: readonly FuzzTarget[] = [
  {
    name: "detached signature, armored",
    weight: 1,
    seeds: [text(armored)],
    words: PACKETS,
    feed: (input) => verifyDetached({ message, signature: input, keys, atMs: AT_MS + 5000 }),
  },
  {
    name: "detached signature, binary",
    weight: 1,
    seeds: [binary],
    words: PACKETS,
    feed: (input) => verifyDetached({ message, signature: input, keys, atMs: AT_MS + 5000 }),
  },
  { name: "signed message", weight: 1, seeds: [signed], words: PACKETS, feed: readSignedMessage },
  {
    name: "public key",
    weight: 1,
    seeds: [text(owner.publicKey), keys[0]?.toPublic().write() as Uint8Array],
    words: PACKETS,
    feed: (input) => readKeys(input, AT_MS + 5000),
  },
  {
    name: "simple signing claim",
    weight: 6,
    seeds: [json(claim)],
    words: [...JSON_WORDS, '"critical":', '"type":'],
    feed: (input) => parseClaim(input, "atomic container signature"),
  },
  {
    name: "containers-policy.json",
    weight: 8,
    seeds: [json(policy)],
    words: [...JSON_WORDS, '"type":"signedBy"', '"transports":', '"*.example.com"', '"signedIdentity":'],
    feed: parseContainersPolicy,
  },
  {
    name: "own policy",
    weight: 6,
    seeds: [json({ rules: [{ prefix: "example.com", require: "any" }] })],
    words: JSON_WORDS,
    feed: decoded(parsePolicyFile),
  },
  {
    name: "trust scope",
    weight: 4,
    seeds: [text("example.com/app")],
    words: ["/", "..", "*", ":5000"],
    feed: decoded(parseScopeName),
  },
  {
    name: "audit record",
    weight: 6,
    seeds: [text(record)],
    words: [...JSON_WORDS, '"recnum":', '"digests":', '"content":'],
    feed: parseRecord,
  },
  {
    name: "signed note",
    weight: 5,
    seeds: [text(note)],
    words: ["— ", "\n\n", "\n", "=", "+"],
    feed: decoded((input) => [parseSignedNote(input)]),
  },
  {
    name: "checkpoint",
    weight: 4,
    seeds: [text(note)],
    words: ["\n", "-1", "00", "99999999999999999999"],
    feed: decoded(parseCheckpoint),
  },
  {
    name: "verifier key",
    weight: 3,
    seeds: [text(formatVkey(logKey))],
    words: ["+", "=", "/"],
    feed: decoded(parseVkey),
  },
];
