/** argv that starts this very program again: the compiled binary, or bun with the source file it was given. */
export function selfArgv(): [string, ...string[]] {
  const script = process.argv[1];
  const isCompiled = script === undefined || script.startsWith("/$bunfs/");
  return isCompiled ? [process.execPath] : [process.execPath, script];
}
