/** Returns whether this process may act as any other user. */
export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}
