import type { Files, Programs } from "../sys/host.ts";
import type { CredentialSource, RegistryCredential } from "./credentials.ts";
import { TransportError } from "./errors.ts";
import { type AuthFile, parseAuthFile } from "./parse-auth-file.ts";

const MAX_AUTH_FILE_BYTES = 1_048_576;
const HELPER_TIMEOUT_MS = 30_000;

/** What looking for credentials takes from the host. */
export interface CredentialHost {
  readonly openDirectory: (path: string) => Files;
  readonly programs: Programs;
}

/** Where to look. Values of the environment are passed in, never read here. */
export interface CredentialPlaces {
  /** `--auth-file`, absolute; then no other file is read. */
  readonly authFile?: string;
  /** At least HOME and PATH; also REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, XDG_CONFIG_HOME, DOCKER_CONFIG. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Credentials as podman, skopeo and docker keep them: `--auth-file`, else REGISTRY_AUTH_FILE, else
 * `$XDG_RUNTIME_DIR/containers/auth.json`, `~/.config/containers/auth.json`, `~/.docker/config.json`, in this order, the
 * first file that knows the repository. Within a file the longest prefix of `host/path` by whole components wins, then
 * credential helpers. Files are read when first needed and kept.
 * @throws {TransportError} from `find`: "transport/bad-credentials" for a malformed file, a named file that is missing,
 * or a helper that fails.
 */
export function createCredentialSource(host: CredentialHost, places: CredentialPlaces): CredentialSource {
  let files: readonly AuthFile[] | undefined;
  return {
    async find(registry, repository, options = {}) {
      files ??= readAuthFiles(host, places);
      const name = registry === "index.docker.io" || registry === "registry-1.docker.io" ? "docker.io" : registry;
      for (const file of files) {
        const known =
          longestPrefix(file, `${name}/${repository}`) ??
          (await askHelper(host, { file, name, env: places.env }, options));
        if (known !== undefined) return known;
      }
      return undefined;
    },
  };
}

function readAuthFiles(host: CredentialHost, { authFile, env }: CredentialPlaces): readonly AuthFile[] {
  const named = authFile ?? env["REGISTRY_AUTH_FILE"];
  if (named !== undefined && named !== "") {
    const file = readAuthFile(host, named);
    if (file !== undefined) return [file];
    throw new TransportError(
      "transport/bad-credentials",
      `Cannot read credentials "${named}": the file does not exist`,
      {
        hint: "check the path given with --auth-file or REGISTRY_AUTH_FILE",
      },
    );
  }
  const { HOME: home, XDG_RUNTIME_DIR: runtime, XDG_CONFIG_HOME: config, DOCKER_CONFIG: docker } = env;
  const paths = [
    runtime === undefined ? undefined : `${runtime}/containers/auth.json`,
    config === undefined ? undefined : `${config}/containers/auth.json`,
    home === undefined ? undefined : `${home}/.config/containers/auth.json`,
    docker === undefined ? undefined : `${docker}/config.json`,
    home === undefined ? undefined : `${home}/.docker/config.json`,
  ];
  return paths.flatMap((path) => (path === undefined ? [] : (readAuthFile(host, path) ?? [])));
}

function readAuthFile(host: CredentialHost, path: string): AuthFile | undefined {
  const slash = path.lastIndexOf("/");
  const files = host.openDirectory(path.slice(0, slash) || "/");
  const name = path.slice(slash + 1);
  return files.has(name) ? parseAuthFile(files.readText(name, MAX_AUTH_FILE_BYTES), path) : undefined;
}

/** `host/a/b` is looked up as itself, then `host/a`, then `host`. */
function longestPrefix({ auths }: AuthFile, name: string): RegistryCredential | undefined {
  for (let key = name; ; key = key.slice(0, key.lastIndexOf("/"))) {
    const known = auths.get(key);
    if (known !== undefined || !key.includes("/")) return known;
  }
}

async function askHelper(
  host: CredentialHost,
  { file, name, env }: { readonly file: AuthFile; readonly name: string; readonly env: CredentialPlaces["env"] },
  options: { readonly signal?: AbortSignal },
): Promise<RegistryCredential | undefined> {
  const helper = file.credHelpers.get(name) ?? file.credsStore;
  if (helper === undefined) return undefined;
  const program = `docker-credential-${helper}`;
  const kept = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const stdin = name === "docker.io" ? "https://index.docker.io/v1/" : name;
  const result = await host.programs.run(
    { argv: [program, "get"], stdin, env: Object.fromEntries(kept), timeoutMs: HELPER_TIMEOUT_MS, limitBytes: 65_536 },
    options,
  );
  if (result.exitCode !== 0 && /credentials not found/.test(result.stdout)) return undefined; // the helper's way to say "none"
  const answer = result.exitCode === 0 ? parseAnswer(result.stdout) : undefined;
  if (answer !== undefined) return answer;
  throw new TransportError("transport/bad-credentials", `Cannot get credentials for "${name}": ${program} failed`, {
    hint: `run ${program} get by hand, or remove it from the auth file`,
    data: { exitCode: result.exitCode },
  });
}

function parseAnswer(stdout: string): RegistryCredential | undefined {
  let answer: { Username?: unknown; Secret?: unknown } | null;
  try {
    answer = JSON.parse(stdout) as typeof answer;
  } catch {
    return undefined; // reported by the caller, without the text, which may hold the secret
  }
  const { Username: username, Secret: secret } = answer ?? {};
  if (typeof username !== "string" || typeof secret !== "string") return undefined;
  return username === "<token>" ? { kind: "identity", token: secret } : { kind: "basic", username, password: secret };
}
