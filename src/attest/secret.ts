import { timingSafeEqual } from "node:crypto";
import { sha256Hex } from "../audit/merkle/hash.ts";

/** Compares in a time that tells nothing about either. */
export function isSameSecret(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(sha256Hex(a)), Buffer.from(sha256Hex(b)));
}
