import type { Framing } from './framing.js';
import { lines } from './lines.js';
import { packets } from './packets.js';

/** The names that `--protocol` knows. */
export type Protocol = 'generic' | 'ejabberd';

/** The framing behind each name. */
export const framings: Readonly<Record<Protocol, Framing>> = { generic: lines, ejabberd: packets };
