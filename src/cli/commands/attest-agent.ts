import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { readToken } from "../read-token.ts";

const MAX_PEM_BYTES = 256 * 1024;
const DEFAULT_RATE = 30;

/** `attest agent`: the node's side. */
export const attestAgent = defineCommand({
  details:
    "Lets verifiers ask this host's TPM for a signed statement with a nonce of theirs, and read the event log, until interrupted. Nothing can be changed through it. The log names images, pods and users of this host: protect it by a token and a certificate, or listen where only the verifier comes.",
  args: {},
  flags: {
    listen: { type: "string", placeholder: "ADDRESS:PORT", help: "Where to listen (default 127.0.0.1:8374)" },
    "tls-cert": { type: "string", placeholder: "FILE", help: "PEM certificate chain: serve HTTPS" },
    "tls-key": { type: "string", placeholder: "FILE", help: "PEM key of that certificate" },
    "token-file": { type: "string", placeholder: "FILE", help: "File with the bearer token that verifiers must send" },
    rate: { type: "integer", placeholder: "N", help: "Let the TPM be asked so often per minute (default 30)" },
  },
  examples: [
    "attest agent",
    "attest agent --listen=0.0.0.0:8374 --tls-cert=node1.pem --tls-key=node1.key --token-file=/etc/gantry/attest.token",
  ],

  async run({ flags, engine, out, host, signal }) {
    const [cert, key] = [flags["tls-cert"], flags["tls-key"]];
    if ((cert === undefined) !== (key === undefined))
      throw usageError("Cannot serve HTTPS with half of what it needs", "give both --tls-cert and --tls-key");
    const rate = flags.rate ?? DEFAULT_RATE;
    if (rate < 1) throw usageError(`Cannot use --rate=${rate}: nobody could ask`, "give a number from 1 on");
    const read = (path: string) => host.readTextFile(path, MAX_PEM_BYTES);
    const tls =
      cert === undefined || key === undefined ? {} : { tls: { cert: await read(cert), key: await read(key) } };
    const token = await readToken(host, flags["token-file"]);
    const input = {
      listen: flags.listen ?? "127.0.0.1:8374",
      ...tls,
      ...(token === undefined ? {} : { token }),
      requestsPerMinute: rate,
      onListening: (url: string) => out.text(`answering verifiers on ${url}/`),
    };
    await (await engine()).attestAgent(input, { signal });
    return undefined;
  },
});
