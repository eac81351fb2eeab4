import { domainToASCII, domainToUnicode } from 'node:url';
import type { NearMiss } from './near-miss.js';

/** What a token should be signed for. */
export interface ExpectedJid {
  /** The bare JID as the server sends it. */
  readonly jid: string;
  /** The JID as somebody typed it. */
  readonly typed: string;
  /** The other hosts of the configuration. */
  readonly otherHosts: readonly string[];
}

/** A text that may have been signed instead of the JID. */
interface JidSpelling {
  readonly spelling: string;
  readonly mistake: NearMiss;
}

interface Parts extends ExpectedJid {
  readonly user: string;
  readonly host: string;
}

/** What is wrong with a spelling, and the spellings that have this mistake. */
type Kind = readonly [what: string, spell: (parts: Parts) => readonly string[]];

/** More would take too long to try. */
const MAX_HOSTS = 100;
/** Resources that clients choose by default, and those of examples in documentation. */
const RESOURCES = (
  'phone mobile desktop laptop tablet home work office web webchat browser chat app client server bot test xmpp resource ' +
  'balcony orchard converse.js conversations dino gajim pidgin psi profanity Phone Mobile Desktop Home Web'
).split(' ');

/** By code. Some spellings belong to several kinds; the first one counts. */
const kinds: Readonly<Record<string, Kind>> = {
  'jid-capitals': [
    'with capital letters, but a server sends lower case',
    ({ user, host, typed }) => [
      ...(typed.toLowerCase() === `${user}@${host}` ? [typed] : []),
      ...capitals(user).flatMap((name) => capitals(host).map((domain) => `${name}@${domain}`)),
    ],
  ],
  'jid-unescaped': [
    String.raw`without the escapes of XEP-0106, but a server sends \40 for "@" in a user name`,
    ({ user, host }) => {
      const name = unescapeUser(user);
      return name === user ? [] : [`${name}@${host}`, name, `${encodeURIComponent(name)}@${host}`];
    },
  ],
  'jid-full': [
    'a full JID, but a server sends the bare one, without "/" and the resource',
    ({ jid, typed }) =>
      ['', ...RESOURCES].map((resource) => `${jid}/${resource}`).concat(typed.includes('/') ? typed : []),
  ],
  'jid-typed': ['as it was typed, but a server normalizes it (see normalizeJid)', ({ typed }) => [typed]],
  'jid-user-only': ['a user name without "@" and the host', ({ user }) => [user]],
  'jid-host-only': ['a host without a user', ({ host }) => [host]],
  'jid-other-host': [
    'another host than the one that the user logs in to',
    ({ user, host, otherHosts }) =>
      [...otherHosts.slice(0, MAX_HOSTS), ...relatedHosts(host)].map((other) => `${user}@${other}`),
  ],
  'jid-idna': [
    'with the other spelling of the host (IDNA), but a server sends the one of its configuration',
    ({ user, host }) => [domainToASCII(host), domainToUnicode(host)].map((name) => `${user}@${name}`),
  ],
  'jid-space': [
    'with a space or a newline',
    ({ jid }) => ['\n', '\r\n', '\r', ' ', '\t', '\0'].map((end) => jid + end),
  ],
  'jid-port': [
    'with a port',
    ({ jid }) => [5222, 5223, 5269, 5280, 5281, 5443, 443, 80].map((port) => `${jid}:${port}`),
  ],
  'jid-scheme': [
    'as a URI',
    ({ jid }) => ['xmpp:', 'xmpp://', 'xmpps://', 'acct:', 'mailto:'].map((scheme) => scheme + jid),
  ],
  'jid-quoted': [
    'with quotes or brackets around it',
    ({ jid }) => [`"${jid}"`, `'${jid}'`, `<${jid}>`, `b'${jid}'`, `b"${jid}"`],
  ],
  'jid-encoded': [
    'with another character instead of "@"',
    ({ jid, user, host }) => [encodeURIComponent(jid), ...[':', ' ', ''].map((sign) => user + sign + host)],
  ],
  'jid-final-dot': ['with a dot at the end', ({ jid }) => [`${jid}.`]],
  'jid-unicode-form': [
    'in another Unicode form, but a server sends NFKC',
    ({ jid }) => [jid.normalize('NFD'), jid.normalize('NFKD')],
  ],
  'jid-missing': ['which is no JID: append one to the digits', () => ['']],
};

/** Returns the texts that may have been signed instead of a JID, the likeliest first. */
export function spellingsOf(expected: ExpectedJid): JidSpelling[] {
  const { jid } = expected;
  const at = jid.indexOf('@');
  const parts = { ...expected, user: jid.slice(0, at), host: jid.slice(at + 1) };
  return Object.entries(kinds).flatMap(([code, [what, spell]]) =>
    [...new Set(spell(parts))]
      .filter((spelling) => spelling !== jid)
      .map((spelling) => ({
        spelling,
        mistake: { code, text: `signed for ${show(spelling)}, ${what}: sign for ${jid}` },
      })),
  );
}

/** Makes a newline visible, so that it does not begin a new line of output. */
function show(spelling: string): string {
  return /\p{C}/u.test(spelling) ? JSON.stringify(spelling) : `"${spelling}"`;
}

function capitals(name: string): string[] {
  const upper = (letter: string): string => letter.toUpperCase();
  const words = name.replace(/(?<![\p{L}\p{N}])\p{Ll}/gu, upper);
  return [name, name.replace(/^\p{Ll}/u, upper), words, name.toUpperCase()];
}

function unescapeUser(user: string): string {
  return user.replace(/\\(20|22|26|27|2f|3a|3c|3e|40|5c)/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}

/** Returns hosts that the web application may have: the parent domain of the chat server, or a subdomain. */
function relatedHosts(host: string): string[] {
  const below = ['chat', 'xmpp', 'jabber', 'im', 'www'].map((label) => `${label}.${host}`);
  const parent = host.slice(host.indexOf('.') + 1);
  return [...(parent.includes('.') ? [parent] : []), ...below, 'localhost'];
}
