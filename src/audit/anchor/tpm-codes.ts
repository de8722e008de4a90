/** Numbers of the TPM 2.0 Library Specification, Part 2: only those that are used here. */
export const TPM = {
  ST_NO_SESSIONS: 0x8001,
  ST_SESSIONS: 0x8002,
  ALG_SHA256: 0x000b,
  ALG_NULL: 0x0010,
  RH_OWNER: 0x40000001,
  RH_NULL: 0x40000007,
  RS_PW: 0x40000009,
  SE_POLICY: 1,
  EO_EQ: 0,
} as const;

/** Command codes. */
export const CC = {
  NV_UndefineSpace: 0x122,
  NV_DefineSpace: 0x12a,
  NV_Increment: 0x134,
  NV_Extend: 0x136,
  PolicyNV: 0x149,
  NV_Read: 0x14e,
  FlushContext: 0x165,
  NV_ReadPublic: 0x169,
  PolicyOR: 0x171,
  ReadPublic: 0x173,
  StartAuthSession: 0x176,
  GetCapability: 0x17a,
  ReadClock: 0x181,
  PolicyNvWritten: 0x18f,
} as const;

/** Attributes of an NV index. */
export const NV = {
  AUTHWRITE: 1 << 2,
  POLICYWRITE: 1 << 3,
  NT_COUNTER: 1 << 4,
  NT_EXTEND: 4 << 4,
  OWNERREAD: 1 << 17,
  AUTHREAD: 1 << 18,
  NO_DA: 1 << 25,
  WRITTEN: 1 << 29,
} as const;

/** The TPM wants to be asked again. */
const AGAIN: ReadonlySet<number> = new Set([0x908, 0x90a, 0x920, 0x922]);

/** RC_YIELDED, RC_TESTING, RC_NV_RATE, RC_RETRY: the command was not carried out, and may be repeated as it is. */
export function isAskAgain(code: number): boolean {
  return AGAIN.has(code);
}

/** RC_SESSION_MEMORY, RC_SESSION_HANDLES: sessions that killed programs left behind fill the TPM. */
export function isOutOfSessions(code: number): boolean {
  return code === 0x903 || code === 0x905;
}

/** RC_HANDLE, whichever handle it is about: there is no such index or key. */
export function isNoSuchHandle(code: number): boolean {
  return (code & 0xbf) === 0x8b;
}

const TEXTS: ReadonlyMap<number, { readonly what: string; readonly hint: string }> = new Map([
  [0x100, { what: "it has not been started", hint: "let the firmware or the kernel start it" }],
  [0x14a, { what: "the index was never written", hint: "make a new one: gantry audit init --force" }],
  [
    0x14b,
    { what: "its memory for indexes is full", hint: "remove indexes nobody needs: tpm2_getcap handles-nv-index" },
  ],
  [0x14c, { what: "the index exists already", hint: "make a new one: gantry audit init --force" }],
  [
    0x921,
    {
      what: "it is locked out after wrong passwords",
      hint: "wait, or reset it: tpm2_dictionarylockout --clear-lockout",
    },
  ],
  [0x922, { what: "it is busy", hint: "try again in a moment" }],
  [0x923, { what: "its memory cannot be written now", hint: "try again in a moment" }],
]);

/** What a response code means, and what to do. */
export function explainCode(code: number): { readonly what: string; readonly hint: string } {
  const known = TEXTS.get(code);
  if (known !== undefined) return known;
  if ((code & 0xbf) === 0x8e || (code & 0xbf) === 0xa2)
    return { what: "the password is wrong", hint: "give the owner's password with --owner-auth-file" };
  if (isNoSuchHandle(code)) return { what: "it has no such index or key", hint: "make it: gantry audit init" };
  return { what: `response code 0x${code.toString(16)}`, hint: `see: tpm2_rc_decode 0x${code.toString(16)}` };
}
