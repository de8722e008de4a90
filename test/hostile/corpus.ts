import { CONFIG_CASES } from "./config-cases.ts";
import { DOCKER_CASES } from "./docker-cases.ts";
import { DOCUMENT_CASES } from "./document-cases.ts";
import { HEADER_CASES } from "./header-cases.ts";
import type { HostileCase } from "./hostile-case.ts";
import { OVERLAY_CASES } from "./overlay-cases.ts";
import { PATH_CASES } from "./path-cases.ts";
import { SIGNATURE_CASES } from "./signature-cases.ts";

/** Every hostile file there is, each with what must come of it. */
export const CORPUS: readonly HostileCase[] = [
  ...PATH_CASES,
  ...OVERLAY_CASES,
  ...HEADER_CASES,
  ...DOCUMENT_CASES,
  ...DOCKER_CASES,
  ...CONFIG_CASES,
  ...SIGNATURE_CASES,
];
