/** A random (version 4) UUID in lower case. Spec: RFC 9562, section 5.4. */
export function newUuid(): string {
  return crypto.randomUUID();
}

/** `byteCount` random bytes as lower-case hex, two characters each. */
export function randomHex(byteCount: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(byteCount))).toString("hex");
}

/** A number in [0, 1), evenly spread, for jitter. */
export function randomFraction(): number {
  return Math.random();
}
