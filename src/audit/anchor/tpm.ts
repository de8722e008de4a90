import { SysError } from "../../sys/errors.ts";
import { openTpmChannel, type TpmChannel } from "../../sys/linux/tpm-channel.ts";
import { randomHex } from "../../sys/random.ts";
import { sleepSync } from "../../sys/sleep.ts";
import { AuditError } from "../errors.ts";
import { CC, explainCode, isAskAgain, isNoSuchHandle, isOutOfSessions, TPM } from "./tpm-codes.ts";
import { ResponseReader, sized, u8, u16, u32 } from "./tpm-wire.ts";

/** Who authorises a command: a password (the empty one for what needs none) or a policy session, used up by it. */
export type TpmAuth = { readonly password: string } | { readonly session: number };

/** Clock and counters of the TPM. They only grow, except when it is cleared or another one. */
export interface TpmClock {
  readonly clockMs: number;
  readonly resetCount: number;
  readonly restartCount: number;
}

/** Public area and name of an NV index. */
export interface NvPublic {
  readonly attributes: number;
  readonly policy: Uint8Array;
  readonly name: Uint8Array;
}

const RETRY_SLEEP_MS = 5;
const FIRST_SESSION = 0x02000000;
const LAST_SESSION = 0x03ffffff;

/** The few commands that start-up time depends on, sent directly. Spec: TPM 2.0 Library, Part 3. */
export class Tpm implements Disposable {
  readonly path: string;
  readonly #channel: TpmChannel;
  readonly #timeoutMs: number;

  private constructor(path: string, channel: TpmChannel, timeoutMs: number) {
    this.path = path;
    this.#channel = channel;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws {AuditError} "audit/no-tpm" */
  static open(path: string, kind: "device" | "socket", timeoutMs: number): Tpm {
    for (let waitedMs = 0; ; waitedMs += RETRY_SLEEP_MS) {
      try {
        return new Tpm(path, openTpmChannel(path, kind), timeoutMs);
      } catch (reason) {
        const isBusy = reason instanceof SysError && reason.data["errno"] === "EBUSY";
        if (!isBusy || waitedMs >= timeoutMs) throw noTpm(reason);
        sleepSync(RETRY_SLEEP_MS);
      }
    }
  }

  nvReadPublic(index: number): NvPublic | undefined {
    const reader = this.#maybe(CC.NV_ReadPublic, [u32(index)]);
    if (reader === undefined) return undefined;
    const area = new ResponseReader(reader.sized());
    area.u32();
    area.u16();
    const attributes = area.u32();
    return { attributes, policy: area.sized(), name: reader.sized() };
  }

  nvRead(index: number, sizeBytes: number): Uint8Array {
    const reader = this.#send(CC.NV_Read, {
      handles: [index, index],
      auth: { password: "" },
      parameters: [u16(sizeBytes), u16(0)],
    });
    return Uint8Array.from(reader.sized());
  }

  nvExtend(index: number, digest: Uint8Array, session: number): void {
    this.#send(CC.NV_Extend, { handles: [index, index], auth: { session }, parameters: [sized(digest)] });
  }

  nvIncrement(index: number): void {
    this.#send(CC.NV_Increment, { handles: [index, index], auth: { password: "" }, parameters: [] });
  }

  nvDefine(
    area: {
      readonly index: number;
      readonly attributes: number;
      readonly policy: Uint8Array;
      readonly sizeBytes: number;
    },
    ownerAuth: string,
  ): void {
    const { index, attributes, policy, sizeBytes } = area;
    const nvPublic = Buffer.concat([u32(index), u16(TPM.ALG_SHA256), u32(attributes), sized(policy), u16(sizeBytes)]);
    const parameters = [sized(new Uint8Array(0)), sized(nvPublic)];
    this.#send(CC.NV_DefineSpace, { handles: [TPM.RH_OWNER], auth: { password: ownerAuth }, parameters });
  }

  nvUndefine(index: number, ownerAuth: string): void {
    const auth = { password: ownerAuth };
    this.#send(CC.NV_UndefineSpace, { handles: [TPM.RH_OWNER, index], auth, parameters: [] });
  }

  /** A policy session. It ends with the command that uses it, or with `flush`. */
  startPolicySession(): number {
    const body = [
      u32(TPM.RH_NULL),
      u32(TPM.RH_NULL),
      sized(Buffer.from(randomHex(16), "hex")),
      sized(new Uint8Array(0)),
      u8(TPM.SE_POLICY),
      u16(TPM.ALG_NULL),
      u16(TPM.ALG_SHA256),
    ];
    const { code, reader } = this.#exchange(CC.StartAuthSession, TPM.ST_NO_SESSIONS, body);
    if (!isOutOfSessions(code)) return this.#accept(CC.StartAuthSession, { code, reader }).u32();
    this.#flushLeftSessions();
    return this.#accept(CC.StartAuthSession, this.#exchange(CC.StartAuthSession, TPM.ST_NO_SESSIONS, body)).u32();
  }

  policyNvWritten(session: number, written: boolean): void {
    this.#plain(CC.PolicyNvWritten, [u32(session), u8(written ? 1 : 0)]);
  }

  policyOr(session: number, branches: readonly Uint8Array[]): void {
    this.#plain(CC.PolicyOR, [u32(session), u32(branches.length), ...branches.map(sized)]);
  }

  /** Holds while the index has exactly this value. */
  policyNvEquals(session: number, index: number, value: Uint8Array): void {
    this.#send(CC.PolicyNV, {
      handles: [index, index, session],
      auth: { password: "" },
      parameters: [sized(value), u16(0), u16(TPM.EO_EQ)],
    });
  }

  flush(handle: number): void {
    this.#plain(CC.FlushContext, [u32(handle)]);
  }

  readClock(): TpmClock {
    const reader = this.#plain(CC.ReadClock, []);
    reader.u64();
    return { clockMs: Number(reader.u64()), resetCount: reader.u32(), restartCount: reader.u32() };
  }

  /** Name of a loaded or persistent key: algorithm and hash of its public area. Undefined when there is none. */
  keyName(handle: number): Uint8Array | undefined {
    const reader = this.#maybe(CC.ReadPublic, [u32(handle)]);
    reader?.sized();
    return reader === undefined ? undefined : Uint8Array.from(reader.sized());
  }

  [Symbol.dispose](): void {
    this.#channel[Symbol.dispose]();
  }

  // Only on a TPM without a resource manager: there, sessions of killed programs stay.
  #flushLeftSessions(): void {
    for (const first of [FIRST_SESSION, 0x03000000]) {
      const reader = this.#plain(CC.GetCapability, [u32(1), u32(first), u32(64)]);
      reader.u16();
      reader.u16();
      reader.u8();
      const count = reader.u32();
      for (let at = 0; at < count; at++) {
        const handle = reader.u32();
        if (handle >= FIRST_SESSION && handle <= LAST_SESSION) this.flush(handle);
      }
    }
  }

  #plain(command: number, body: readonly Uint8Array[]): ResponseReader {
    return this.#accept(command, this.#exchange(command, TPM.ST_NO_SESSIONS, body));
  }

  /** Undefined when what it names does not exist. */
  #maybe(command: number, body: readonly Uint8Array[]): ResponseReader | undefined {
    const answer = this.#exchange(command, TPM.ST_NO_SESSIONS, body);
    return isNoSuchHandle(answer.code) ? undefined : this.#accept(command, answer);
  }

  #send(
    command: number,
    parts: { readonly handles: readonly number[]; readonly auth: TpmAuth; readonly parameters: readonly Uint8Array[] },
  ): ResponseReader {
    const auth = encodeAuth(parts.auth);
    const body = [...parts.handles.map(u32), u32(auth.byteLength), auth, ...parts.parameters];
    const reader = this.#accept(command, this.#exchange(command, TPM.ST_SESSIONS, body));
    reader.u32(); // size of the parameters
    return reader;
  }

  #accept(
    command: number,
    { code, reader }: { readonly code: number; readonly reader: ResponseReader },
  ): ResponseReader {
    if (code === 0) return reader;
    const { what, hint } = explainCode(code);
    const name = Object.entries(CC).find(([, value]) => value === command)?.[0] ?? "command";
    throw new AuditError("audit/tpm-refused", `Cannot use TPM "${this.path}" (${name}): ${what}`, {
      hint,
      data: { responseCode: code, command: name },
    });
  }

  #exchange(
    command: number,
    tag: number,
    body: readonly Uint8Array[],
  ): { readonly code: number; readonly reader: ResponseReader } {
    const bytes = Buffer.concat(body);
    const packet = Buffer.concat([u16(tag), u32(10 + bytes.byteLength), u32(command), bytes]);
    for (let waitedMs = 0; ; waitedMs += RETRY_SLEEP_MS) {
      const reader = new ResponseReader(this.#transmit(packet));
      reader.u16();
      reader.u32();
      const code = reader.u32();
      if (!isAskAgain(code) || waitedMs >= this.#timeoutMs) return { code, reader };
      sleepSync(RETRY_SLEEP_MS);
    }
  }

  #transmit(packet: Uint8Array): Uint8Array {
    try {
      return this.#channel.transmit(packet, this.#timeoutMs);
    } catch (reason) {
      throw noTpm(reason);
    }
  }
}

function encodeAuth(auth: TpmAuth): Buffer {
  const empty = sized(new Uint8Array(0));
  if ("session" in auth) return Buffer.concat([u32(auth.session), empty, u8(0), empty]);
  return Buffer.concat([u32(TPM.RS_PW), empty, u8(1), sized(Buffer.from(auth.password))]);
}

function noTpm(reason: unknown): unknown {
  if (!(reason instanceof SysError)) return reason;
  return new AuditError("audit/no-tpm", reason.message, {
    hint: reason.hint ?? "see what this host has: gantry doctor",
    cause: reason,
  });
}
