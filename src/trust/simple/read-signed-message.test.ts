import { expect, test } from "bun:test";
import { generateKey } from "../openpgp/generate-key.ts";
import { loadOpenPgp } from "../openpgp/load-openpgp.ts";
import { readSignedMessage } from "./read-signed-message.ts";

async function sign(content: string, signers: number): Promise<Uint8Array> {
  const pgp = await loadOpenPgp();
  const keys = await Promise.all(
    Array.from({ length: signers }, async (_, i) => {
      const { privateKey } = await generateKey({ name: `Signer ${i}`, email: `signer${i}@example.com` });
      return pgp.readPrivateKey({ armoredKey: privateKey });
    }),
  );
  const message = await pgp.createMessage({ binary: new TextEncoder().encode(content) });
  return (await pgp.sign({ message, signingKeys: keys, format: "binary" })) as Uint8Array;
}

test("readSignedMessage() gives content and signatures of a message that is not compressed", async () => {
  const { content, packets } = await readSignedMessage(await sign("the claim", 2));
  expect(new TextDecoder().decode(content)).toBe("the claim");
  expect(packets.length).toBe(2);
});

test("readSignedMessage() refuses a message without a signature, cut short, or followed by another", async () => {
  const pgp = await loadOpenPgp();
  const plain = (await pgp.createMessage({ binary: new Uint8Array([1]) })).write() as Uint8Array;
  const signed = await sign("x", 1);
  for (const bytes of [plain, signed.subarray(0, -30), Buffer.concat([signed, plain]), Buffer.concat([signed, signed])])
    await expect(readSignedMessage(bytes)).toThrowCode("trust/bad-signature");
});
