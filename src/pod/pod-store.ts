import { SysError } from "../sys/errors.ts";
import type { FileStat, Files, Lock } from "../sys/host.ts";
import { CHECKPOINT_FILE, CHECKPOINT_LOCK } from "./checkpoint-record.ts";
import { PodError } from "./errors.ts";
import { POD_DIR_STATES, type PodDirState, type PodEvent, type PodState, podStateOf, transition } from "./lifecycle.ts";
import type { PodManifest } from "./manifest.ts";
import { isPodId, type PodId, type PodName, parsePodId, parsePodName } from "./names.ts";

/** Where a pod was when it was looked at; it may move at any time unless its lock is held. */
export interface PodLocation {
  readonly id: PodId;
  readonly dir: PodDirState;
}

/**
 * A pod whose exclusive lock this process holds. Disposing closes our descriptor of it: the lock ends, unless a child has
 * inherited it and keeps it for its own life.
 */
export interface LockedPod extends Disposable {
  readonly id: PodId;
  /** Present directory; changes with `move`. */
  readonly dir: PodDirState;
  readonly lock: Lock;
  /** The pod directory itself, at its present place. */
  files(): Files;
  /** One rename(2) to where `event` leads. @throws {PodError} "pod/wrong-state" */
  move(event: PodEvent): void;
}

const MAX_MANIFEST_BYTES = 8 * 1024 * 1024;

/**
 * Pods on disk: `<state>/<uuid>/` under flock, and `names/<name>` holding a UUID. There is no other record, so any
 * crash leaves a state the next command can read.
 */
export class PodStore {
  readonly #files: Files;

  constructor(files: Files) {
    this.#files = files;
  }

  /** A new pod in `embryo`, locked. */
  create(id: PodId): LockedPod {
    this.#files.ensureDir("embryo", 0o700);
    this.#files.ensureDir(`embryo/${id}`, 0o700);
    const lock = this.#files.lock(`embryo/${id}`, { kind: "exclusive", wait: true });
    if (lock === undefined) throw new PodError("pod/locked", `Cannot lock new pod ${id}: somebody holds it`);
    return this.#locked({ id, dir: "embryo" }, lock);
  }

  /** Every pod, sorted by UUID; entries that are not UUIDs are none of ours and left out. */
  list(): PodLocation[] {
    const found = new Map<PodId, PodDirState>();
    // Reading in the order pods move, a pod caught mid-move is seen at its later place or twice, never not at all.
    for (const dir of POD_DIR_STATES) {
      for (const name of this.#files.list(dir)) if (isPodId(name)) found.set(parsePodId(name), dir);
    }
    return [...found].map(([id, dir]) => ({ id, dir })).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /**
   * The pod a user means: its name, its UUID, or a unique beginning (4 characters or more) of it.
   * @throws {PodError} "pod/not-found", "pod/ambiguous"
   */
  find(text: string): PodLocation {
    const byName = this.#idOfName(text);
    const found =
      (byName === undefined ? undefined : this.#locate(byName)) ?? this.#locate(text) ?? this.#byPrefix(text);
    if (found === undefined) {
      throw new PodError("pod/not-found", `Cannot find pod "${text}": there is none of that name or UUID`, {
        hint: "see the pods with: gantry list",
      });
    }
    return found;
  }

  /** Where a pod of that very UUID is; looked for in the order pods move, as in `list`. */
  #locate(text: string): PodLocation | undefined {
    if (!isPodId(text)) return undefined;
    const dir = POD_DIR_STATES.filter((one) => this.#files.has(`${one}/${text}`)).at(-1);
    return dir === undefined ? undefined : { id: parsePodId(text), dir };
  }

  /** State of a pod now. Taking the shared lock for a moment is how it is seen whether somebody holds the exclusive one. */
  state(pod: PodLocation): PodState {
    const { dir, id } = pod;
    const isLocked = isToldByLock(dir) && this.#isLocked(pod);
    return podStateOf(dir, isLocked, dir === "run" && !isLocked && this.#files.has(`${dir}/${id}/${CHECKPOINT_FILE}`));
  }

  /** The pod's lock if nobody holds it; undefined when it is held or the pod has moved meanwhile. */
  tryLock(pod: PodLocation): LockedPod | undefined {
    const lock = this.#lockDir(pod);
    if (lock === undefined) return undefined;
    const isFree = !this.#isHeld(`${pod.dir}/${pod.id}/${CHECKPOINT_LOCK}`);
    if (isFree && this.#files.has(`${pod.dir}/${pod.id}`)) return this.#locked(pod, lock);
    lock[Symbol.dispose]();
    return undefined;
  }

  /** Facts of a pod directory: its change time is when it last moved. */
  stat(pod: PodLocation): FileStat | undefined {
    return this.#files.stat(`${pod.dir}/${pod.id}`);
  }

  /** Directory of a pod for reading. */
  files(pod: PodLocation): Files {
    return this.#files.sub(`${pod.dir}/${pod.id}`);
  }

  /** Claims a unique name. @throws {PodError} "pod/name-taken" */
  claimName(name: PodName, id: PodId): void {
    using _lock = this.#lockNames();
    // Left by a pod whose creation was cut short, or by one whose removal was: its directory is gone, so the name is free.
    if (this.#files.has(`names/${name}`) && this.#isLost(name)) this.#files.remove(`names/${name}`);
    try {
      this.#files.createExclusive(`names/${name}`, `${id}\n`);
    } catch (reason) {
      if (!(reason instanceof SysError && reason.code === "sys/exists")) throw reason;
      const holder = this.#idOfName(name) ?? "?";
      throw new PodError("pod/name-taken", `Cannot name a pod "${name}": pod ${holder} has that name`, {
        hint: `choose another name, or remove that pod: gantry rm ${name}`,
        cause: reason,
      });
    }
  }

  /** Frees names whose pods are gone: a crash can leave them behind. */
  releaseLostNames(): void {
    const names = this.#files.list("names");
    if (names.length === 0) return;
    using _lock = this.#lockNames();
    for (const name of names) if (this.#isLost(name)) this.#files.remove(`names/${name}`);
  }

  #lockNames(): Lock | undefined {
    this.#files.ensureDir("names", 0o700);
    return this.#files.lock("names", { kind: "exclusive", wait: true });
  }

  #isLost(name: string): boolean {
    const holder = this.#idOfName(name);
    return holder !== undefined && !this.list().some((pod) => pod.id === holder);
  }

  /** Removes the directory of a pod in "garbage"; the caller gives the lock back afterwards. */
  erase(pod: LockedPod): void {
    if (pod.dir !== "garbage") throw new PodError("pod/wrong-state", `Cannot erase pod ${pod.id}: it is in ${pod.dir}`);
    this.#files.remove(`garbage/${pod.id}`);
  }

  /** Gives a name back if it still belongs to `id`. */
  releaseName(name: string, id: PodId): void {
    using _lock = this.#lockNames();
    if (this.#idOfName(name) === id) this.#files.remove(`names/${parsePodName(name)}`);
  }

  #idOfName(text: string): string | undefined {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/.test(text) || !this.#files.has(`names/${text}`)) return undefined;
    try {
      return this.#files.readText(`names/${text}`, 64).trim();
    } catch (reason) {
      // Released between the look and the read.
      if (reason instanceof SysError && reason.code === "sys/not-found") return undefined;
      throw reason;
    }
  }

  #byPrefix(text: string): PodLocation | undefined {
    if (!/^[0-9a-f-]{4,35}$/.test(text)) return undefined;
    const matches = this.list().filter((pod) => pod.id.startsWith(text));
    if (matches.length > 1) {
      throw new PodError("pod/ambiguous", `Cannot tell which pod "${text}" means: ${matches.length} begin with it`, {
        hint: "give more of the UUID",
        data: { matches: matches.map((pod) => pod.id) },
      });
    }
    return matches[0];
  }

  #lockDir(pod: PodLocation): Lock | undefined {
    try {
      return this.#files.lock(`${pod.dir}/${pod.id}`, { kind: "exclusive", wait: false, mustExist: true });
    } catch (reason) {
      // Moved on between the look and the lock.
      if (reason instanceof SysError && reason.code === "sys/not-found") return undefined;
      throw reason;
    }
  }

  /** A pod whose processes have ended while it is checkpointed is not given up yet. */
  #isLocked({ dir, id }: PodLocation): boolean {
    return this.#isHeld(`${dir}/${id}`) || this.#isHeld(`${dir}/${id}/${CHECKPOINT_LOCK}`);
  }

  #isHeld(rel: string): boolean {
    try {
      const lock = this.#files.lock(rel, { kind: "shared", wait: false, mustExist: true });
      lock?.[Symbol.dispose]();
      return lock === undefined;
    } catch (reason) {
      if (reason instanceof SysError && reason.code === "sys/not-found") return false;
      throw reason;
    }
  }

  #locked(pod: PodLocation, lock: Lock): LockedPod {
    const store = this.#files;
    let dir = pod.dir;
    return {
      id: pod.id,
      lock,
      get dir() {
        return dir;
      },
      files: () => store.sub(`${dir}/${pod.id}`),
      move(event) {
        const to = transition(dir, event);
        store.ensureDir(to, 0o700);
        store.rename(`${dir}/${pod.id}`, `${to}/${pod.id}`);
        dir = to;
      },
      [Symbol.dispose]: () => lock[Symbol.dispose](),
    };
  }
}

/** Whether the state of a pod in that directory depends on its lock; to look costs three system calls. */
function isToldByLock(dir: PodDirState): boolean {
  return podStateOf(dir, true, false) !== podStateOf(dir, false, false);
}

/** The manifest of a pod, or undefined while it has none yet. @throws {PodError} "pod/bad-manifest" */
export function readPodManifest(files: Files): PodManifest | undefined {
  try {
    const text = files.readText("pod.json", MAX_MANIFEST_BYTES);
    if (text === "") return undefined; // the machine crashed before the disk had it
    const parsed: unknown = JSON.parse(text);
    if (isPodManifest(parsed)) return parsed;
  } catch (reason) {
    if (reason instanceof SysError && reason.code === "sys/not-found") return undefined;
    throw badManifest(files, reason);
  }
  throw badManifest(files, undefined);
}

// Our own file, written atomically by us in a directory only root enters: the kind and version tell whether we wrote it.
function isPodManifest(value: unknown): value is PodManifest {
  return (
    typeof value === "object" &&
    value !== null &&
    "gantryKind" in value &&
    value.gantryKind === "pod" &&
    "gantryVersion" in value &&
    value.gantryVersion === "v1"
  );
}

function badManifest(files: Files, cause: unknown): PodError {
  return new PodError(
    "pod/bad-manifest",
    `Cannot read pod manifest ${files.path("pod.json")}: not one this version wrote`,
    {
      hint: "remove the pod with: gantry rm --force POD",
      cause,
    },
  );
}
