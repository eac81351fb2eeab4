import type { Framing } from './framing.js';
import { lines } from './lines.js';
import { packets } from './packets.js';

/** The values of `--protocol`. */
export type Protocol = 'generic' | 'ejabberd';

/** The framing of each protocol. */
export const framings: Readonly<Record<Protocol, Framing>> = { generic: lines, ejabberd: packets };
