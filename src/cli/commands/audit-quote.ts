import type { AuditQuote } from "../../engine/audit-calls.ts";
import { defineCommand } from "../command.ts";

/** `audit quote`: what convinces a stranger. */
export const auditQuote = defineCommand({
  details:
    "Lets the TPM sign what its index holds, together with a nonce that the verifier chose, and adds all that is needed to connect it with the log. How it is checked without Gantry: docs/audit-verify.md. With --out the parts are written as files for tpm2-tools, else everything is printed as one JSON object.",
  args: {},
  flags: {
    nonce: { type: "string", placeholder: "HEX", help: "8 to 32 bytes in hexadecimal, chosen by the verifier" },
    out: { type: "string", placeholder: "DIR", help: "Directory to write the parts to; made if missing" },
  },
  examples: ["audit quote --nonce=$(openssl rand -hex 20) --out=quote"],

  async run({ flags, engine, out, signal }) {
    const calls = await engine();
    if (flags.out !== undefined) calls.ensureDirectory({ path: flags.out });
    const quote = await calls.quoteAudit({ nonce: flags.nonce ?? "" }, { signal });
    if (flags.out === undefined) {
      out.text(JSON.stringify(quote, undefined, 2));
      return undefined;
    }
    const files = partsOf(quote);
    for (const [name, bytes] of files) calls.writeFile({ path: `${flags.out}/${name}`, bytes });
    out.result({ files: files.map(([name]) => name) }, ({ files: names }) => names.join("\n"));
    return undefined;
  },
});

function partsOf(quote: AuditQuote): [string, Uint8Array][] {
  const text = (value: string) => new TextEncoder().encode(value);
  const bytes = (value: string) => Buffer.from(value, "base64");
  const { ek, nv, pcr } = quote;
  return [
    ["nonce", text(`${quote.nonce}\n`)],
    ["log.vkey", text(`${quote.vkey}\n`)],
    ["checkpoint", text(quote.checkpoint)],
    ["anchors", text(quote.anchors.map((digest) => `${digest}\n`).join(""))],
    ["birth.tlog-proof", text(quote.birthProof)],
    ["head.tlog-proof", text(quote.headProof)],
    ["ak.pub", bytes(quote.ak)],
    ["ek.pem", text(ek.publicKey)],
    ...(ek.certificate === undefined ? [] : [["ek.crt", bytes(ek.certificate)] satisfies [string, Uint8Array]]),
    ["nv.msg", bytes(nv.message)],
    ["nv.sig", bytes(nv.signature)],
    ["pcr.msg", bytes(pcr.message)],
    ["pcr.sig", bytes(pcr.signature)],
    ["pcr.values", bytes(pcr.values)],
  ];
}
