const CTRL_P = 0x10;
const CTRL_Q = 0x11;

/** What to do about bytes that were typed. */
export interface Typed {
  /** To be passed on to the app. */
  readonly pass: Uint8Array;
  /** The caller wants to leave. */
  readonly isLeft: boolean;
}

/** Finds ctrl-p ctrl-q among what is typed. A ctrl-p waits for the next key, which tells whether it was meant for the app. */
export class DetachKeys {
  #isHeld = false;

  take(typed: Uint8Array): Typed {
    const pass: number[] = [];
    for (const byte of typed) {
      if (this.#isHeld && byte === CTRL_Q) return { pass: Uint8Array.from(pass), isLeft: true };
      if (this.#isHeld) pass.push(CTRL_P);
      this.#isHeld = byte === CTRL_P;
      if (!this.#isHeld) pass.push(byte);
    }
    return { pass: Uint8Array.from(pass), isLeft: false };
  }
}
