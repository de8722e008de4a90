/** Input of `image convert`. */
export interface ConvertImageInput {
  readonly source: string;
  /** `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE` or `aci:FILE`. */
  readonly destination: string;
  /** `NAME[:VERSION]` of an App Container Image. */
  readonly name?: string;
  /** Whether the dependencies of an App Container Image become part of it. */
  readonly flatten: boolean;
  readonly platform?: string;
}

/** JSON shape of `image convert`. */
export interface ConvertedImage {
  readonly image: string;
  /** Of the manifest or index; of an App Container Image: of the file. */
  readonly digest: string;
  /** appc image ID, `sha512-HEX`. */
  readonly imageId?: string;
  readonly placedAt: string;
}
