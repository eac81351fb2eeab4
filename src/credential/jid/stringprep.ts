// Only this part of stanza, so that a bundle does not contain a whole XMPP client.
import { A1, D1, nameprep, nodeprep } from 'stanza/lib/stringprep/index.js';
import { InvalidJidError } from '../../errors.js';

/** A part of a bare JID. */
export type Part = 'user' | 'domain';

const PROFILES = { user: nodeprep, domain: nameprep };

/** RFC 6122, section 2.1. Servers apply it before they prepare the text, and after. */
const MAX_PART_BYTES = 1023;

/** Unicode's Corrigendum 4 changed five ideographs after Unicode 3.2; ejabberd leaves a capital letter in U+33C6. */
const CORRECTED = /[\u33c6\u{2f868}\u{2f874}\u{2f91f}\u{2f95f}\u{2f9bf}]/u;

/** Unicode's Corrigendum 5: older libraries, such as libidn, compose these characters despite marks between them. */
const COMPOSED_ACROSS_MARKS =
  /[\u09c7\u0b47\u0bc6\u0bc7\u0cbf\u0cc6\u0cca\u0d46\u0d47\u0dd9\u0b92\u1025\u1100-\u1112\uac00-\ud7a3]\p{M}+[\u09be\u09d7\u0b3e\u0b56\u0b57\u0bbe\u0bd7\u0cc2\u0cd5\u0cd6\u0d3e\u0d57\u0dcf\u0ddf\u102e\u1161-\u1175\u11a8-\u11c2]/u;

/** Left-to-right only since later versions of Unicode: ICU refuses them in right-to-left text, RFC 3454 does not. */
const LATER_LEFT_TO_RIGHT = /[\u0cbf\u0cc6\u1734\u302e\u302f\u2132\u2800-\u28ff]/;

const CHOOSE = 'Chat servers could take it for different names, so use plain letters and digits';

/**
 * Prepares a part of a JID as every chat server does: the user by nodeprep, the domain by nameprep (RFC 6122, appendices A
 * and B). Both are defined by Unicode 3.2, but JavaScript normalizes by today's Unicode, and servers differ in a few
 * characters. Refuses a name that could become another user's for that reason.
 *
 * @throws {@link InvalidJidError} if not every server prepares the text in this way
 */
export function prepare(part: Part, text: string): string {
  assertLength(part, text);
  const unassigned = Array.from(text).find((character) => A1.contains(codePointOf(character)));
  if (unassigned !== undefined) {
    const name = `U+${codePointOf(unassigned).toString(16).toUpperCase().padStart(4, '0')}`;
    throw refusal(part, `holds ${name}, which is not in Unicode 3.2. ${CHOOSE}`);
  }
  const prepared = apply(part, text);
  if (prepared === '') throw refusal(part, 'is empty');
  assertLength(part, prepared);
  if (isAmbiguous(text, prepared)) {
    throw refusal(part, `holds characters that chat servers do not agree on. ${CHOOSE}`);
  }
  return prepared;
}

function assertLength(part: Part, text: string): void {
  if (Buffer.byteLength(text) > MAX_PART_BYTES) throw refusal(part, `is longer than ${MAX_PART_BYTES} bytes`);
}

function apply(part: Part, text: string): string {
  try {
    return PROFILES[part](text, false);
  } catch {
    throw refusal(part, 'holds a forbidden character (RFC 6122). XEP-0106 has escapes for some');
  }
}

function isAmbiguous(text: string, prepared: string): boolean {
  if (CORRECTED.test(text) || COMPOSED_ACROSS_MARKS.test(prepared)) return true;
  const isRightToLeft = (character: string): boolean => D1.contains(codePointOf(character));
  return LATER_LEFT_TO_RIGHT.test(prepared) && Array.from(prepared).some(isRightToLeft);
}

function codePointOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}

function refusal(part: Part, fault: string): InvalidJidError {
  return new InvalidJidError(`the ${part} of the JID ${fault}`);
}
