/** The files of an OCI image layout, wherever they are: a directory or the inside of an archive. Names use "/". */
export interface LayoutReader {
  /** Size of a regular file in bytes; undefined when there is none of that name. */
  sizeOf(name: string): number | undefined;
  /** Whole content. @throws {EngineError} when it is missing or larger than the limit. */
  read(name: string, limitBytes: number): Uint8Array;
  /** Content from a byte on. */
  chunks(name: string, fromByte: number): Iterable<Uint8Array>;
}
