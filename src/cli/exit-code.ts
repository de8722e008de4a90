import type { AttestErrorCode } from "../attest/errors.ts";
import type { AuditErrorCode } from "../audit/errors.ts";
import { EngineError } from "../base/errors.ts";
import type { DiscoveryErrorCode } from "../discovery/errors.ts";
import type { EngineErrorCode } from "../engine/errors.ts";
import type { ImageErrorCode } from "../image/errors.ts";
import type { NetworkErrorCode } from "../network/errors.ts";
import type { PodErrorCode } from "../pod/errors.ts";
import type { Stage1ErrorCode } from "../stage1/errors.ts";
import type { StoreErrorCode } from "../store/errors.ts";
import type { SysErrorCode } from "../sys/errors.ts";
import type { TransportErrorCode } from "../transport/errors.ts";
import type { TrustErrorCode } from "../trust/errors.ts";
import type { CliErrorCode } from "./errors.ts";

/** 0 ok · 1 failed · 2 usage or malformed input · 3 not found · 4 refused · 5 wrong state · 6 retry may help · 7 host lacks something · 70 bug. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 70;

/** What `run`, `run-prepared` and `exec` return for any failure of our own, so that the app's codes stay the app's. */
export const OWN_FAILURE = 254;

/** Every code any folder raises. A folder that gains one does not compile until it is mapped here. */
type AnyErrorCode =
  | SysErrorCode
  | ImageErrorCode
  | StoreErrorCode
  | TrustErrorCode
  | DiscoveryErrorCode
  | TransportErrorCode
  | NetworkErrorCode
  | AuditErrorCode
  | AttestErrorCode
  | PodErrorCode
  | Stage1ErrorCode
  | EngineErrorCode
  | CliErrorCode;

const EXIT_CODES = {
  "sys/errno": 1,
  "sys/not-found": 3,
  "sys/exists": 5,
  "sys/no-space": 6,
  "sys/permission": 7,
  "sys/too-large": 2,
  "sys/bad-path": 2,
  "sys/locked": 5,
  "sys/program-failed": 1,
  "sys/program-missing": 7,
  "sys/timeout": 6,
  "sys/http-failed": 6,
  "sys/http-tls": 4,
  "sys/unsupported": 7,
  "image/bad-digest": 2,
  "image/bad-reference": 2,
  "image/bad-platform": 2,
  "image/bad-descriptor": 2,
  "image/bad-manifest": 2,
  "image/bad-index": 2,
  "image/bad-config": 2,
  "image/bad-layer": 2,
  "image/bad-archive": 2,
  "image/no-counterpart": 2,
  "image/name-mismatch": 4,
  "image/bad-dependency": 4,
  "image/unsupported-media-type": 2,
  "image/no-platform": 3,
  "image/index-too-deep": 2,
  "image/too-large": 2,
  "store/content-mismatch": 2,
  "store/not-found": 3,
  "store/ambiguous": 2,
  "store/in-use": 5,
  "store/corrupt": 1,
  "store/needs-parents": 1,
  "store/unpack-failed": 2,
  "store/unmovable": 1,
  "trust/unsigned": 4,
  "trust/unknown-key": 4,
  "trust/bad-signature": 4,
  "trust/wrong-prefix": 4,
  "trust/wrong-identity": 4,
  "trust/key-expired": 4,
  "trust/key-revoked": 4,
  "trust/weak-key": 4,
  "trust/rejected-by-policy": 4,
  "trust/bad-policy": 2,
  "trust/bad-key": 2,
  "trust/bad-scope": 2,
  "trust/no-record": 4,
  "trust/needs-confirmation": 4,
  "trust/not-found": 3,
  "trust/cannot-sign": 1,
  "discovery/bad-name": 2,
  "discovery/bad-config": 2,
  "discovery/blocked": 4,
  "transport/not-found": 3,
  "transport/unauthorized": 4,
  "transport/rate-limited": 6,
  "transport/unavailable": 6,
  "transport/bad-answer": 2,
  "transport/unsupported": 2,
  "transport/bad-archive": 2,
  "transport/bad-credentials": 2,
  "transport/bad-lookaside": 2,
  "network/bad-config": 2,
  "network/unknown-network": 3,
  "network/plugin-missing": 7,
  "network/plugin-failed": 1,
  "network/bad-result": 1,
  "network/bad-record": 1,
  "network/port-taken": 5,
  "network/no-port-mapping": 2,
  "network/address-exhausted": 6,
  "network/bad-args": 2,
  "network/bad-dns": 2,
  "audit/not-recorded": 6,
  "audit/malformed": 2,
  "audit/not-proven": 4,
  "audit/not-found": 3,
  "audit/tampered": 1,
  "audit/bad-config": 2,
  "audit/no-tpm": 7,
  "audit/tpm-refused": 6,
  "audit/not-anchored": 6,
  "audit/not-initialised": 5,
  "audit/witness-failed": 6,
  "attest/bad-name": 2,
  "attest/bad-policy": 2,
  "attest/unknown-node": 3,
  "attest/unreachable": 6,
  "attest/busy": 6,
  "attest/unauthorized": 4,
  "attest/bad-answer": 2,
  "attest/node-failed": 6,
  "attest/not-proven": 4,
  "attest/changed": 4,
  "pod/not-found": 3,
  "pod/ambiguous": 2,
  "pod/name-taken": 5,
  "pod/wrong-state": 5,
  "pod/locked": 5,
  "pod/bad-name": 2,
  "pod/bad-manifest": 2,
  "pod/bad-checkpoint": 2,
  "pod/bad-option": 2,
  "pod/unknown-user": 2,
  "pod/unknown-app": 3,
  "pod/no-command": 2,
  "pod/missing-executable": 2,
  "pod/missing-interpreter": 2,
  "pod/not-executable": 2,
  "pod/missing-volume": 2,
  "pod/no-id-range": 7,
  "pod/ids-taken": 6,
  "pod/no-idmap": 7,
  "stage1/unknown-regime": 3,
  "stage1/bad-image": 2,
  "stage1/forbidden": 4,
  "stage1/not-built": 7,
  "stage1/missing-tool": 7,
  "stage1/unsupported-host": 7,
  "stage1/start-failed": 1,
  "stage1/not-running": 5,
  "stage1/busy": 6,
  "stage1/enter-failed": 1,
  "stage1/build-failed": 1,
  "stage1/checkpoint-failed": 1,
  "stage1/unsupported": 7,
  "stage1/no-device": 3,
  "stage1/bad-cdi": 2,
  "stage1/bad-hook": 2,
  "stage1/failed": 1,
  "engine/bad-input": 2,
  "engine/timeout": 6,
  "engine/needs-root": 7,
  "engine/image-in-use": 5,
  "engine/not-signable": 2,
  "engine/host-incomplete": 7,
  "cli/usage": 2,
  "cli/bad-file": 2,
  "cli/no-terminal": 4,
  "cli/declined": 4,
  "cli/interrupted": 1,
} as const satisfies Record<AnyErrorCode, ExitCode>;

const BY_CODE: ReadonlyMap<string, ExitCode> = new Map(Object.entries(EXIT_CODES));

/** The exit code of any thrown value; what is not an EngineError is a bug. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof EngineError ? (BY_CODE.get(error.code) ?? 70) : 70;
}
