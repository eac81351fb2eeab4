import { domainToASCII, domainToUnicode } from 'node:url';
import type { NearMiss } from './near-miss.js';

/** What a token should have been signed for. */
export interface ExpectedJid {
  /** The bare JID as the server sends it. */
  readonly jid: string;
  /** The JID as somebody has typed it. */
  readonly typed: string;
  /** The other hosts of the configuration. */
  readonly otherHosts: readonly string[];
}

/** A text that may have been signed in the place of the JID. */
export interface JidSpelling {
  readonly spelling: string;
  readonly mistake: NearMiss;
}

interface Parts extends ExpectedJid {
  readonly user: string;
  readonly host: string;
}

interface Kind extends NearMiss {
  readonly spell: (parts: Parts) => readonly string[];
}

/** More would take too long to try. */
const MAX_HOSTS = 100;
/** Those that clients take by themselves, and those of examples. */
const RESOURCES = (
  'phone mobile desktop laptop tablet home work office web webchat browser chat app client server bot test xmpp resource ' +
  'balcony orchard converse.js conversations dino gajim pidgin psi profanity Phone Mobile Desktop Home Web'
).split(' ');

const kinds: readonly Kind[] = [
  {
    code: 'jid-capitals',
    text: 'with capital letters: a server sends small ones',
    spell: ({ user, host, typed }) => [
      ...(typed.toLowerCase() === `${user}@${host}` ? [typed] : []),
      ...capitals(user).flatMap((name) => capitals(host).map((domain) => `${name}@${domain}`)),
    ],
  },
  {
    code: 'jid-unescaped',
    text: String.raw`without the escapes of XEP-0106: a server sends a user name with \40 for "@"`,
    spell: ({ user, host }) => {
      const name = unescapeUser(user);
      return name === user ? [] : [`${name}@${host}`, name, `${encodeURIComponent(name)}@${host}`];
    },
  },
  {
    code: 'jid-full',
    text: 'a full JID: a server asks about the bare one, without "/" and the resource',
    spell: ({ jid, typed }) =>
      ['', ...RESOURCES].map((resource) => `${jid}/${resource}`).concat(typed.includes('/') ? typed : []),
  },
  {
    code: 'jid-typed',
    text: 'as it was typed: normalizeJid shows what a server makes of it',
    spell: ({ typed }) => [typed],
  },
  { code: 'jid-user-only', text: 'a user name without "@" and the host', spell: ({ user }) => [user] },
  { code: 'jid-host-only', text: 'a host without a user', spell: ({ host }) => [host] },
  {
    code: 'jid-other-host',
    text: 'another host: sign for the one that the user logs in to',
    spell: ({ user, host, otherHosts }) =>
      [...otherHosts.slice(0, MAX_HOSTS), ...relatedHosts(host)].map((other) => `${user}@${other}`),
  },
  {
    code: 'jid-idna',
    text: 'the host in its other spelling (IDNA): a server sends the one of its own configuration',
    spell: ({ user, host }) => [domainToASCII(host), domainToUnicode(host)].map((name) => `${user}@${name}`),
  },
  {
    code: 'jid-space',
    text: 'with a space or a newline: strip it',
    spell: ({ jid }) => [`${jid}\n`, `${jid}\r\n`, `${jid}\r`, `${jid} `, `${jid}\t`, `${jid}\0`],
  },
  {
    code: 'jid-port',
    text: 'with a port: leave it out',
    spell: ({ jid }) => [5222, 5223, 5269, 5280, 5281, 5443, 443, 80].map((port) => `${jid}:${port}`),
  },
  {
    code: 'jid-scheme',
    text: 'as a URI: leave the scheme out',
    spell: ({ jid }) => ['xmpp:', 'xmpp://', 'xmpps://', 'acct:', 'mailto:'].map((scheme) => scheme + jid),
  },
  {
    code: 'jid-quoted',
    text: 'with quotes or brackets around it: leave them out',
    spell: ({ jid }) => [`"${jid}"`, `'${jid}'`, `<${jid}>`, `b'${jid}'`, `b"${jid}"`],
  },
  {
    code: 'jid-encoded',
    text: 'with another character for "@": a JID has that',
    spell: ({ jid, user, host }) => [
      encodeURIComponent(jid),
      `${user}:${host}`,
      `${user} ${host}`,
      user + host,
    ],
  },
  { code: 'jid-final-dot', text: 'with a dot at its end: leave it out', spell: ({ jid }) => [`${jid}.`] },
  {
    code: 'jid-unicode-form',
    text: 'in another form of Unicode: a server sends NFKC',
    spell: ({ jid }) => [jid.normalize('NFD'), jid.normalize('NFKD')],
  },
  { code: 'jid-missing', text: 'no JID: it stands behind the digits', spell: () => [''] },
];

/** @returns what may have been signed in the place of a JID, the likeliest first */
export function spellingsOf(expected: ExpectedJid): JidSpelling[] {
  const { jid } = expected;
  const at = jid.indexOf('@');
  const parts = { ...expected, user: jid.slice(0, at), host: jid.slice(at + 1) };
  return kinds.flatMap(({ code, text, spell }) =>
    [...new Set(spell(parts))]
      .filter((spelling) => spelling !== jid)
      .map((spelling) => ({
        spelling,
        mistake: {
          code,
          text: `signed for ${shown(spelling)}, ${text}; sign for ${jid}`,
        },
      })),
  );
}

/** A newline is to be seen, and must not begin a line. */
function shown(spelling: string): string {
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

/** The web application's host, if chat has one of its own below it, and the reverse. */
function relatedHosts(host: string): string[] {
  const below = ['chat', 'xmpp', 'jabber', 'im', 'www'].map((label) => `${label}.${host}`);
  const parent = host.slice(host.indexOf('.') + 1);
  return [...(parent.includes('.') ? [parent] : []), ...below, 'localhost'];
}
