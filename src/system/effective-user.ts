/** A user and a group, by number. */
export interface UserAndGroup {
  readonly uid: number;
  readonly gid: number;
}

/** Returns whether this process may act as any other user. */
export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/**
 * Makes this process act as another user, until the returned function is called. Only root may do that.
 *
 * @throws the system's error; this process then acts as root again
 */
export function actAs({ uid, gid }: UserAndGroup): () => void {
  const group = process.getegid?.() ?? 0;
  const switchBack = (): void => {
    process.seteuid?.(0);
    process.setegid?.(group);
  };
  try {
    // First: the user may not choose the group.
    process.setegid?.(gid);
    process.seteuid?.(uid);
  } catch (error) {
    switchBack();
    throw error;
  }
  return switchBack;
}
