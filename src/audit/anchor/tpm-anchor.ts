import { AuditError } from "../errors.ts";
import { readLogEnd } from "../log/log-state.ts";
import { type LogHost, withLog } from "../log/open-log.ts";
import type { AuditSettings } from "../settings.ts";
import type { Anchor } from "./anchor.ts";
import {
  ANCHOR_LOCK_FILE,
  type AnchorState,
  type PendingExtension,
  readAnchorState,
  writeAnchorState,
} from "./anchor-state.ts";
import { foldSteps, readAnchorSteps } from "./anchor-steps.ts";
import { extendIndex, readIndex } from "./extend.ts";
import { openTpm, type TpmPlace } from "./find-tpm.ts";
import { extendValue, NV_INDEX } from "./nv-policy.ts";
import type { Tpm } from "./tpm.ts";

/** What the anchor works with. */
export interface TpmAnchorInput {
  readonly log: LogHost;
  readonly settings: AuditSettings;
  readonly place: TpmPlace | undefined;
  /** Says loudly what policy lets pass. */
  readonly note: (text: string) => void;
}

/** The anchor in the TPM. Nothing is opened before it is needed. */
export function openTpmAnchor(input: TpmAnchorInput): Anchor {
  return new TpmAnchor(input);
}

class TpmAnchor implements Anchor {
  readonly #input: TpmAnchorInput;
  #hasFailed = false;

  constructor(input: TpmAnchorInput) {
    this.#input = input;
  }

  cover(recnum?: number): void {
    if (this.#hasFailed) return; // once per command is loud enough, and a TPM that hangs is not asked twice
    try {
      this.#cover(recnum);
    } catch (reason) {
      if (!(reason instanceof AuditError)) throw reason;
      this.#fail(reason, { isQuiet: recnum === undefined });
    }
  }

  #cover(recnum: number | undefined): void {
    const { files } = this.#input.log;
    using _lock = files.lock(ANCHOR_LOCK_FILE, { kind: "exclusive", wait: true });
    const known = readAnchorState(files);
    const last = recnum ?? (readLogEnd(files)?.frontier.size ?? 0) - 1;
    // Somebody else's extension, made while this command waited, covers it; behind a tree head comes its own record.
    if (known !== undefined && known.lost === undefined && known.size + (recnum === undefined ? 1 : 0) > last) return;
    using tpm = openTpm(this.#input.place, this.#input.settings);
    const state = this.#confirm(tpm, known);
    this.#extend(tpm, state, { isRegained: known?.lost === true });
  }

  /** Brings the note of the anchor in step with log and TPM: after a reboot, a crash, or its loss. */
  #confirm(tpm: Tpm, known: AnchorState | undefined): AnchorState {
    const { files, bootId } = this.#input.log;
    if (known !== undefined && known.bootId === bootId && known.pending === undefined && known.lost === undefined)
      return known;
    const values = foldSteps(readAnchorSteps(files));
    const facts = values[0]?.step.facts;
    if (facts === undefined) throw notInitialised();
    const index = readIndex(tpm);
    if (index === undefined || index.name !== facts.nvName)
      throw notOurs(index === undefined ? "missing" : "another one");
    const at = values.findIndex(({ value }) => value === index.value);
    const [found, next, afterNext] = values.slice(at);
    if (at < 0 || found === undefined || afterNext !== undefined) throw notOurs("not what the log says");
    const state: AnchorState = { facts, value: found.value, size: found.step.recnum, bootId };
    // Killed between append and extend: the record is in the log, so the index gets it now.
    return next === undefined ? state : this.#complete(tpm, { ...state, pending: next.step });
  }

  #extend(tpm: Tpm, state: AnchorState, { isRegained }: { readonly isRegained: boolean }): void {
    const { log } = this.#input;
    let pending: PendingExtension | undefined;
    withLog(
      log,
      (appender) => {
        if (isRegained) appender.append(log.stamp({ type: "audit.anchor-regained" }));
        const { size, root } = appender.head;
        const content = log.stamp({ type: "audit.anchored", size, root: Buffer.from(root).toString("hex") });
        pending = appender.append(content, NV_INDEX);
        // Before the record is in the file, so that no crash leaves one nobody knows to extend.
        writeAnchorState(log.files, { ...state, pending });
      },
      { sync: true },
    );
    if (pending !== undefined) this.#complete(tpm, { ...state, pending });
  }

  #complete(tpm: Tpm, { pending, ...state }: AnchorState & { readonly pending: PendingExtension }): AnchorState {
    const { counter } = state.facts;
    extendIndex(tpm, pending.digest, { isFirst: false, counter });
    const value = extendValue(Buffer.from(state.value, "hex"), Buffer.from(pending.digest, "hex"));
    const done = { ...state, value: Buffer.from(value).toString("hex"), size: pending.recnum };
    writeAnchorState(this.#input.log.files, done);
    return done;
  }

  // Loud when something starts; at the end of other commands the record of the loss is enough.
  #fail(reason: AuditError, { isQuiet }: { readonly isQuiet: boolean }): void {
    const { log, settings, note } = this.#input;
    this.#hasFailed = true;
    if (settings.anchor === "required") {
      throw new AuditError("audit/not-anchored", `Cannot go on: policy demands an anchor. ${reason.message}`, {
        ...(reason.hint === undefined ? {} : { hint: reason.hint }),
        cause: reason,
      });
    }
    if (!isQuiet) note(`UNANCHORED: what happens now can be removed from the event log unnoticed. ${reason.message}`);
    const state = readAnchorState(log.files);
    if (state === undefined || state.lost === true) return;
    const lost = { type: "audit.anchor-lost", code: reason.code, reason: reason.message } as const;
    withLog(log, (appender) => void appender.append(log.stamp(lost)), { sync: true });
    writeAnchorState(log.files, { ...state, lost: true });
  }
}

function notInitialised(): AuditError {
  return new AuditError("audit/not-initialised", "Cannot anchor the event log: it has no anchor yet", {
    hint: "make one: gantry audit init",
  });
}

function notOurs(what: string): AuditError {
  return new AuditError("audit/tampered", `Cannot anchor the event log: its index in the TPM is ${what}`, {
    hint: "see what happened: gantry audit check",
  });
}
