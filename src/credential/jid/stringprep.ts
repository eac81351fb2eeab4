// Only the string preparation, so that a bundle does not carry a whole XMPP client.
import { A1, D1, nameprep, nodeprep } from 'stanza/lib/stringprep/index.js';
import { InvalidJidError } from '../../errors.js';

/** The parts of a bare JID that are prepared. */
export type Part = 'user' | 'domain';

const PROFILES = { user: nodeprep, domain: nameprep };

/** RFC 6122, section 2.1. Servers hold the text to it before they prepare it, and after. */
const MAX_PART_BYTES = 1023;

/** Corrigendum 4 of Unicode corrected five ideographs after Unicode 3.2; ejabberd leaves a capital letter in U+33C6. */
const CORRECTED = /[\u33c6\u{2f868}\u{2f874}\u{2f91f}\u{2f95f}\u{2f9bf}]/u;

/** Corrigendum 5 of Unicode: older libraries, such as libidn, compose the first and the last across the marks between. */
const COMPOSED_ACROSS_MARKS =
  /[\u09c7\u0b47\u0bc6\u0bc7\u0cbf\u0cc6\u0cca\u0d46\u0d47\u0dd9\u0b92\u1025\u1100-\u1112\uac00-\ud7a3]\p{M}+[\u09be\u09d7\u0b3e\u0b56\u0b57\u0bbe\u0bd7\u0cc2\u0cd5\u0cd6\u0d3e\u0d57\u0dcf\u0ddf\u102e\u1161-\u1175\u11a8-\u11c2]/u;

/** Left-to-right only since later versions of Unicode: ICU refuses them in right-to-left text, RFC 3454 does not. */
const LATER_LEFT_TO_RIGHT = /[\u0cbf\u0cc6\u1734\u302e\u302f\u2132\u2800-\u28ff]/;

/**
 * Prepares a part of a JID as every chat server does: the user by nodeprep, the domain by nameprep (RFC 6122, appendices A
 * and B). Both are defined by Unicode 3.2, but JavaScript normalizes by today's Unicode, and servers differ in a few
 * characters. A name that could become somebody else's in this way is refused.
 *
 * @throws {@link InvalidJidError} for a text that not every server prepares in this way
 */
export function prepare(part: Part, text: string): string {
  assertLength(part, text);
  const unassigned = Array.from(text).find(isUnassigned);
  if (unassigned !== undefined) {
    throw refusal(part, `holds ${codePoint(unassigned)}, which is not in Unicode 3.2; ${CHOOSE}`);
  }
  const prepared = apply(part, text);
  if (prepared === '') throw refusal(part, 'is empty');
  assertLength(part, prepared);
  if (isDisputed(text, prepared)) {
    throw refusal(part, `holds characters that chat servers do not agree on; ${CHOOSE}`);
  }
  return prepared;
}

const CHOOSE =
  'chat servers could take it for different names, so use other characters (plain letters and digits)';

function isUnassigned(character: string): boolean {
  return A1.contains(character.codePointAt(0) ?? 0);
}

function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

function assertLength(part: Part, text: string): void {
  if (Buffer.byteLength(text) > MAX_PART_BYTES) throw refusal(part, `is longer than ${MAX_PART_BYTES} bytes`);
}

function apply(part: Part, text: string): string {
  try {
    return PROFILES[part](text, false);
  } catch {
    throw refusal(part, 'holds a character that none may hold (RFC 6122); XEP-0106 has ways to write some');
  }
}

function isDisputed(text: string, prepared: string): boolean {
  if (CORRECTED.test(text) || COMPOSED_ACROSS_MARKS.test(prepared)) return true;
  return LATER_LEFT_TO_RIGHT.test(prepared) && Array.from(prepared).some(isRightToLeft);
}

function isRightToLeft(character: string): boolean {
  return D1.contains(character.codePointAt(0) ?? 0);
}

function refusal(part: Part, fault: string): InvalidJidError {
  return new InvalidJidError(`the ${part} of the JID ${fault}`);
}
