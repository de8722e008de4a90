/** What proves to a registry who we are. `identity` is an OAuth2 refresh token. */
export type RegistryCredential =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | { readonly kind: "identity"; readonly token: string };

/** Looks up the credential for a repository; undefined means anonymous. Values never appear in messages. */
export interface CredentialSource {
  find(
    host: string,
    repository: string,
    options?: { readonly signal?: AbortSignal },
  ): Promise<RegistryCredential | undefined>;
}

/** Always anonymous. */
export const anonymous: CredentialSource = { find: async () => undefined };
