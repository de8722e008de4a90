import type * as OpenPgp from "openpgp";

/** The OpenPGP library as a value, handed to the functions that need it. */
export type OpenPgpLibrary = typeof OpenPgp;

/** Loads the OpenPGP library on first need: it costs tens of milliseconds that a start without change must not pay. */
export async function loadOpenPgp(): Promise<OpenPgpLibrary> {
  return await import("openpgp");
}
