import {
  type GenericSchema,
  type InferOutput,
  maxLength,
  number,
  object,
  optional,
  pipe,
  regex,
  safeInteger,
  safeParse,
  string,
} from "valibot";
import { formatReason } from "../base/errors.ts";
import { parseJsonStrict } from "../base/json.ts";
import { AttestError } from "./errors.ts";

const base64 = pipe(string(), maxLength(64 * 1024), regex(/^[A-Za-z0-9+/]*={0,2}$/, "is no base64"));
const hex = pipe(string(), maxLength(128), regex(/^(?:[0-9a-f]{2})+$/, "is no hexadecimal"));
const text = pipe(string(), maxLength(16 * 1024));
const ek = object({ publicKey: text, certificate: optional(base64) });

/** `GET /identity`: who the node says it is. Believed only after a challenge. */
export const identityAnswer = object({
  vkey: text,
  ak: optional(base64),
  ek,
  anchor: optional(object({ nvName: hex, counter: pipe(number(), safeInteger()) })),
});
/** What `identityAnswer` reads. */
export type IdentityAnswer = InferOutput<typeof identityAnswer>;

const signed = object({ message: base64, signature: base64 });

/** `POST /quote`: a compact `gantry audit quote`, without what the asker takes from the log itself. */
export const quoteAnswer = object({
  nonce: hex,
  vkey: text,
  checkpoint: pipe(string(), maxLength(256 * 1024)),
  ak: base64,
  ek,
  nv: signed,
  pcr: signed,
});
/** What `quoteAnswer` reads. */
export type QuoteAnswer = InferOutput<typeof quoteAnswer>;

/** `POST /activate`: what the TPM took out of the credential. */
export const activateAnswer = object({ secret: hex });

/** How a node says that it cannot. */
export const failureAnswer = object({
  error: object({ code: pipe(string(), maxLength(64)), message: text, hint: optional(text) }),
});

/** Requests to a node, as the node reads them. */
export const quoteRequest = object({ nonce: hex });
export const activateRequest = object({ credential: base64 });

/** Largest body of a request to a node, in bytes. */
export const MAX_REQUEST_BYTES = 16 * 1024;

/** @throws {AttestError} "attest/bad-answer" that says where it is wrong */
export function parseMessage<S extends GenericSchema>(schema: S, body: string, limitBytes: number): InferOutput<S> {
  let value: unknown;
  try {
    value = parseJsonStrict(body, { limitBytes });
  } catch (reason) {
    throw badMessage(formatReason(reason), reason);
  }
  const parsed = safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = issue.path?.map(({ key }) => String(key)).join(".") ?? "body";
  throw badMessage(`${path}: ${issue.message}`);
}

function badMessage(why: string, cause?: unknown): AttestError {
  return new AttestError("attest/bad-answer", `Cannot read message: ${why}`, {
    hint: "both sides must be gantry of about the same version",
    ...(cause === undefined ? {} : { cause }),
  });
}
