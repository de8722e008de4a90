import { readdirSync } from "node:fs";

const DOWNLOADS = new URL("../../.cache/debian/", import.meta.url).pathname;

/** The kernel package that set-up downloaded for guests; nothing of it is ever installed. */
export function kernelPackage(): string {
  const file = readdirSync(DOWNLOADS).find((name) => /^linux-image-.*cloud.*\.deb$/.test(name));
  if (file === undefined) throw new Error(`no kernel package in ${DOWNLOADS}: run node tools/setup.mjs test`);
  return `${DOWNLOADS}${file}`;
}
