import type { EnrolledNode } from "../../engine/attest-calls.ts";
import { defineCommand } from "../command.ts";
import { readToken } from "../read-token.ts";

const MAX_BUNDLE_BYTES = 4 * 1024 * 1024;

/** `attest enroll`: from here on the name means one TPM. */
export const attestEnroll = defineCommand({
  details:
    "Challenges the node so that only the TPM with its endorsement key can answer, checks a quote, and pulls and checks the whole log. With --ek-ca the endorsement key must be certified by an authority in that file. Without, it is trusted on first use: compare the fingerprint with the EK hash that audit init prints on the node.",
  args: { name: { help: "Name for the node" }, url: { help: "Where its attest agent listens" } },
  flags: {
    "ek-ca": { type: "string", placeholder: "FILE", help: "PEM certificates of TPM manufacturers: one must vouch" },
    "ek-fingerprint": { type: "string", placeholder: "HEX", help: "The endorsement key must be this one" },
    "token-file": { type: "string", placeholder: "FILE", help: "File with the token of the node's agent" },
    replace: { type: "boolean", help: "Accept another TPM or log than before; the old log is kept as evidence" },
  },
  examples: [
    "attest enroll node1 https://node1.example.com:8374 --token-file=node1.token",
    "attest enroll node1 http://127.0.0.1:8374",
  ],

  async run({ args, flags, engine, out, host, signal }) {
    const token = await readToken(host, flags["token-file"]);
    const [authorities, fingerprint] = [flags["ek-ca"], flags["ek-fingerprint"]];
    const input = {
      name: args.name,
      url: args.url,
      ...(token === undefined ? {} : { token }),
      ...(authorities === undefined ? {} : { ekAuthorities: await host.readTextFile(authorities, MAX_BUNDLE_BYTES) }),
      ...(fingerprint === undefined ? {} : { ekFingerprint: fingerprint }),
      replace: flags.replace,
    };
    out.result(await (await engine()).enrollNode(input, { signal }), formatEnrolled);
    return undefined;
  },
});

function formatEnrolled(node: EnrolledNode): string {
  return [
    `${node.change}  ${node.name}, ${node.size} records checked`,
    `log key   ${node.vkey}`,
    `EK hash   ${node.ekFingerprint} (${node.ekTrust})`,
    `AK name   ${node.akName}`,
    `index     ${node.nvName}`,
  ].join("\n");
}
