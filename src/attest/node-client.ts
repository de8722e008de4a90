import type { GenericSchema, InferOutput } from "valibot";
import { TILE_WIDTH, tilePath } from "../audit/log/tile-path.ts";
import { formatReason } from "../base/errors.ts";
import { SysError } from "../sys/errors.ts";
import type { HttpClient, HttpRequest, HttpResponse } from "../sys/host.ts";
import { AttestError } from "./errors.ts";
import {
  activateAnswer,
  failureAnswer,
  type IdentityAnswer,
  identityAnswer,
  parseMessage,
  type QuoteAnswer,
  quoteAnswer,
} from "./protocol.ts";

/** Where a node's agent is, and what opens it. */
export interface NodeAddress {
  readonly url: string;
  readonly token?: string;
}

const MAX_ANSWER_BYTES = 1024 * 1024;
/** 256 entries of the largest size, with their lengths. */
const MAX_BUNDLE_BYTES = TILE_WIDTH * (65_535 + 2);
const MAX_REDIRECTS = 0;

/** The agent of one node. Every answer is bounded, every failure is an AttestError. */
export class NodeClient {
  readonly #http: HttpClient;
  readonly #address: NodeAddress;
  readonly #signal: AbortSignal;

  constructor(http: HttpClient, address: NodeAddress, signal: AbortSignal) {
    this.#http = http;
    this.#address = address;
    this.#signal = signal;
  }

  identity(): Promise<IdentityAnswer> {
    return this.#ask(identityAnswer, "identity");
  }

  quote(nonce: string): Promise<QuoteAnswer> {
    return this.#ask(quoteAnswer, "quote", { nonce });
  }

  async activate(credential: Uint8Array): Promise<string> {
    const body = { credential: Buffer.from(credential).toString("base64") };
    return (await this.#ask(activateAnswer, "activate", body)).secret;
  }

  /** The log's newest signed head. */
  async checkpoint(): Promise<string> {
    return new TextDecoder().decode(await this.#get("checkpoint", MAX_ANSWER_BYTES));
  }

  /** A tile or bundle. A partial one that has become full meanwhile is taken from the full one. */
  async tile(level: number | "entries", index: number, width: number): Promise<Uint8Array> {
    try {
      return await this.#get(tilePath(level, index, width), MAX_BUNDLE_BYTES);
    } catch (reason) {
      const isGone = reason instanceof AttestError && reason.data["status"] === 404 && width < TILE_WIDTH;
      if (!isGone) throw reason;
      return this.#get(tilePath(level, index, TILE_WIDTH), MAX_BUNDLE_BYTES);
    }
  }

  async #ask<S extends GenericSchema>(schema: S, path: string, body?: object): Promise<InferOutput<S>> {
    const post = body === undefined ? {} : { method: "POST" as const, body: JSON.stringify(body) };
    const answer = await this.#send(path, post);
    const text = await this.#read(() => answer.readText(MAX_ANSWER_BYTES));
    if (answer.status === 200) return parseMessage(schema, text, MAX_ANSWER_BYTES);
    throw failureOf(answer.status, text, `${this.#address.url}/${path}`);
  }

  async #get(path: string, limitBytes: number): Promise<Uint8Array> {
    const answer = await this.#send(path, {});
    if (answer.status === 200) return this.#read(() => answer.readBytes(limitBytes));
    throw failureOf(
      answer.status,
      await this.#read(() => answer.readText(MAX_ANSWER_BYTES)),
      `${this.#address.url}/${path}`,
    );
  }

  #send(path: string, request: Partial<HttpRequest>): Promise<HttpResponse> {
    const { url, token } = this.#address;
    const headers = {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const full = { url: `${url}/${path}`, headers, maxRedirects: MAX_REDIRECTS, ...request };
    return this.#read(() => this.#http.send(full, { signal: this.#signal }));
  }

  async #read<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (reason) {
      if (reason instanceof SysError && reason.code === "sys/too-large")
        throw new AttestError("attest/bad-answer", `Cannot use answer of the node: ${reason.message}`, {
          hint: "look at the node: its answers are larger than an agent's can be",
          cause: reason,
        });
      if (reason instanceof SysError || this.#signal.aborted) throw this.#unreachable(reason);
      throw reason;
    }
  }

  #unreachable(reason: unknown): AttestError {
    const why = this.#signal.aborted ? "it took too long" : formatReason(reason);
    return new AttestError("attest/unreachable", `Cannot reach the node: ${why}`, {
      hint: "see whether gantry attest agent runs there, and whether it can be reached from here",
      cause: reason,
    });
  }
}

function failureOf(status: number, text: string, url: string): AttestError {
  if (status === 401 || status === 403) {
    return new AttestError("attest/unauthorized", `Cannot ask ${url}: the node refuses the token`, {
      hint: "enroll again with --token-file",
    });
  }
  if (status === 429)
    return new AttestError("attest/busy", `Cannot ask ${url}: the node is asked too often`, {
      hint: "ask less often, or raise the agent's --rate",
    });
  let code: string;
  let message: string;
  try {
    ({ code, message } = parseMessage(failureAnswer, text, MAX_ANSWER_BYTES).error);
  } catch (reason) {
    const details = { hint: "see whether this is the address of gantry attest agent", data: { status }, cause: reason };
    return new AttestError("attest/bad-answer", `Cannot use answer of ${url}: status ${status}`, details);
  }
  return new AttestError("attest/node-failed", `Cannot ask ${url}: the node says: ${message}`, {
    hint: "see on the node: gantry audit check",
    data: { status, code },
  });
}
