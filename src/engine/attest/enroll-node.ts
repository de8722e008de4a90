import { createPublicKey } from "node:crypto";
import { AttestError } from "../../attest/errors.ts";
import { forgetNode } from "../../attest/fleet/forget-node.ts";
import { KeptLog } from "../../attest/fleet/kept-log.ts";
import { addNode, type FleetNode, findNode, moveNode, type NodeFacts } from "../../attest/fleet/nodes.ts";
import { NodeClient } from "../../attest/node-client.ts";
import { OPEN_POLICY } from "../../attest/policy.ts";
import { pollNode } from "../../attest/poll-node.ts";
import type { IdentityAnswer } from "../../attest/protocol.ts";
import { verifyEndorsement } from "../../attest/tpm/endorsement.ts";
import { parseAttestationKey } from "../../attest/tpm/public-area.ts";
import { expectedNvName, verifyQuote } from "../../attest/tpm/verify-quote.ts";
import { sha256Hex } from "../../audit/merkle/hash.ts";
import { parseVkey } from "../../audit/note/note-keys.ts";
import { formatTimestamp } from "../../base/clock.ts";
import { randomHex } from "../../sys/random.ts";
import type { Database } from "../../sys/sqlite.ts";
import type { EnrolledNode, EnrollInput } from "../attest-calls.ts";
import type { EngineContext } from "../context.ts";
import { UseCaseError } from "../errors.ts";
import { assertSafeUrl } from "./check-url.ts";
import { makeCredential } from "./make-credential.ts";
import { nodeHttp, openFleet } from "./open-fleet.ts";

const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/;
const FIRST_USE = "first use";
const NONCE_BYTES = 20;

/**
 * `attest enroll`: binds a name to a TPM. The node must open a secret that only a TPM with this endorsement key and
 * this attestation key together can open, sign a quote with it, and show a log that fits.
 * @throws {AttestError} "attest/not-proven", "attest/changed", "attest/unreachable"; {UseCaseError} "engine/bad-input"
 */
export async function enrollNode(
  ctx: EngineContext,
  input: EnrollInput,
  { signal }: { readonly signal: AbortSignal },
): Promise<EnrolledNode> {
  const url = checkAddress(ctx, input);
  using database = openFleet(ctx);
  const address = { url, ...(input.token === undefined ? {} : { token: input.token }) };
  const client = new NodeClient(nodeHttp(ctx), address, signal);
  const facts = { ...(await establish(ctx, input, client)), ...address };
  const before = findNode(database, input.name);
  if (before !== undefined && isSame(before, facts)) {
    moveNode(database, before, address);
    return describe(database, { ...before, ...facts }, "unchanged");
  }
  if (before !== undefined && !input.replace) {
    throw new AttestError(
      "attest/changed",
      `Cannot enroll "${input.name}": it is known with ${differences(before, facts)}`,
      {
        hint: "find out why; if it is right, enroll with --replace: the log kept so far stays as evidence",
      },
    );
  }
  const node = addNode(database, facts, formatTimestamp(ctx.clock.nowMs()));
  const tools = { database, client, policy: OPEN_POLICY, nonce: randomHex(NONCE_BYTES) };
  try {
    const [problem] = await pollNode(node, tools, (problems) => problems);
    if (problem !== undefined) {
      throw new AttestError("attest/not-proven", `Cannot enroll "${input.name}": ${problem.kind}: ${problem.detail}`, {
        hint: "see on the node: gantry audit check",
      });
    }
  } catch (reason) {
    forgetNode(database, node, before);
    throw reason;
  }
  return describe(database, node, before === undefined ? "enrolled" : "replaced");
}

function checkAddress(ctx: EngineContext, { name, url }: EnrollInput): string {
  if (!NAME.test(name)) {
    throw new UseCaseError("engine/bad-input", `Cannot enroll "${name.slice(0, 100)}": it is no node name`, {
      hint: "use up to 64 letters, digits, dots, dashes and underscores",
    });
  }
  return assertSafeUrl(ctx, url, `enroll "${name}"`);
}

/** Everything that is believed of the node from now on. */
async function establish(
  ctx: EngineContext,
  input: EnrollInput,
  client: NodeClient,
): Promise<Omit<NodeFacts, "url" | "token">> {
  const identity = await client.identity();
  const { ek, anchor, vkey } = identity;
  if (identity.ak === undefined || anchor === undefined || anchor.nvName !== expectedNvName(anchor.counter)) {
    throw new AttestError(
      "attest/not-proven",
      `Cannot enroll "${input.name}": its log has no anchor of Gantry in a TPM`,
      {
        hint: "make it on the node: gantry audit init",
      },
    );
  }
  parseVkey(vkey);
  const certificate = ek.certificate === undefined ? undefined : Buffer.from(ek.certificate, "base64");
  const ekTrust = judgeEndorsement(ctx, input, { pem: ek.publicKey, certificate });
  const { name: akName } = parseAttestationKey(Buffer.from(identity.ak, "base64"));
  await challenge(ctx, { client, identity, akName, name: input.name });
  const ekHash = sha256Hex(ek.publicKey);
  const nonce = randomHex(NONCE_BYTES);
  const quoted = verifyQuote(await client.quote(nonce), { nonce, akName, ekHash, nvName: anchor.nvName });
  if ("kind" in quoted) {
    throw new AttestError("attest/not-proven", `Cannot enroll "${input.name}": ${quoted.kind}: ${quoted.detail}`, {
      hint: "see on the node: gantry audit check",
    });
  }
  const { nvName, counter } = anchor;
  const common = { name: input.name, vkey, akName, ekHash, ekPem: ek.publicKey, ekTrust, nvName, counter };
  return certificate === undefined ? common : { ...common, ekCertificate: certificate };
}

function judgeEndorsement(
  ctx: EngineContext,
  input: EnrollInput,
  ek: { readonly pem: string; readonly certificate: Uint8Array | undefined },
): string {
  assertPublicKey(ek.pem);
  const fingerprint = sha256Hex(ek.pem);
  if (input.ekFingerprint !== undefined && input.ekFingerprint.toLowerCase() !== fingerprint) {
    throw new AttestError(
      "attest/not-proven",
      `Cannot enroll "${input.name}": its endorsement key has fingerprint ${fingerprint}`,
      {
        hint: "compare with what gantry audit init printed on the node as EK hash",
      },
    );
  }
  if (input.ekAuthorities !== undefined) {
    const nowMs = ctx.clock.nowMs();
    return verifyEndorsement(ek, { pem: input.ekAuthorities, nowMs });
  }
  if (input.ekFingerprint !== undefined) return "fingerprint";
  ctx.options.note(
    `TRUST ON FIRST USE: nobody vouches that "${input.name}" is a real TPM. Compare with "EK hash" of gantry audit init on that host: ${fingerprint}`,
  );
  return FIRST_USE;
}

function assertPublicKey(pem: string): void {
  try {
    createPublicKey(pem);
  } catch (reason) {
    throw new AttestError("attest/not-proven", "Cannot believe endorsement key: it is no public key", {
      hint: "see whether this is the address of gantry attest agent",
      cause: reason,
    });
  }
}

async function challenge(
  ctx: EngineContext,
  {
    client,
    identity,
    akName,
    name,
  }: { readonly client: NodeClient; readonly identity: IdentityAnswer; readonly akName: string; readonly name: string },
): Promise<void> {
  const secret = randomHex(32);
  const credential = await makeCredential(ctx, { ekPem: identity.ek.publicKey, akName, secret });
  const opened = await client.activate(credential).catch((reason: unknown) => {
    if (reason instanceof AttestError && reason.code === "attest/node-failed") return reason.message;
    throw reason;
  });
  if (opened === secret) return;
  throw new AttestError(
    "attest/not-proven",
    `Cannot enroll "${name}": its attestation key is not in the TPM of its endorsement key`,
    {
      hint: "look at the node: keys of two TPMs are shown as one",
      data: { answer: opened.slice(0, 300) },
    },
  );
}

function isSame(before: FleetNode, now: NodeFacts): boolean {
  return differences(before, now) === "";
}

function differences(before: FleetNode, now: NodeFacts): string {
  const parts = [
    [before.ekHash === now.ekHash, "another TPM"],
    [before.akName === now.akName, "another attestation key"],
    [before.vkey === now.vkey, "another log"],
    [before.nvName === now.nvName, "another index"],
  ] as const;
  return parts
    .filter(([same]) => !same)
    .map(([, what]) => what)
    .join(", ");
}

function describe(database: Database, node: FleetNode, change: EnrolledNode["change"]): EnrolledNode {
  const { name, url, vkey, akName, ekHash: ekFingerprint, ekTrust, nvName } = node;
  const { size } = new KeptLog(database, node.id).head();
  return { name, url, vkey, akName, ekFingerprint, ekTrust, nvName, size, change };
}
