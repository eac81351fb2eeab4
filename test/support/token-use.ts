import { createHash } from 'node:crypto';
import type { TokenUse } from '../../src/replay/replay-cache.js';

/** Returns the use of a made-up token. @param name two names make two tokens */
export function tokenUse(name: string, timeStep: number): TokenUse {
  return { id: createHash('sha256').update(name).digest().toString('latin1'), timeStep };
}
