/**
 * The binary starts with compiling put off (tools/build.ts): most of what a short command does it does once, and to compile
 * that takes longer than it saves. From here on code is compiled as usual.
 */
export function compileAsUsual(): void {
  Bun.unsafe.setJITPolicy(1);
}
