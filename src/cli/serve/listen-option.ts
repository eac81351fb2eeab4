import { isAbsolute } from 'node:path';
import { framings, type Protocol } from '../../protocol/framings.js';
import type { Listener } from '../../server/sockets.js';
import { UsageError } from '../usage-error.js';

/** The owner and the group may connect. */
const DEFAULT_MODE = 0o660;
const SYNTAX = 'unix:/path[,mode=0660][,group=NAME][,protocol=generic|ejabberd]';

/**
 * Parses the value of `--listen`.
 *
 * @param text such as `unix:/run/xtokend/xtokend.sock,group=prosody`
 * @param protocol the framing where the text names none
 * @throws {@link UsageError}
 */
export function parseListenOption(text: string, protocol: Protocol): Listener {
  const [address = '', ...settings] = text.split(',');
  const path = address.replace(/^unix:/, '');
  if (path === address || !isAbsolute(path)) throw misunderstood(text, 'an absolute path behind unix:');
  const named = new Map(settings.map((setting) => splitAtEquals(setting)));
  const { mode, group } = { mode: named.get('mode'), group: named.get('group') };
  const framing = named.get('protocol') ?? protocol;
  for (const name of named.keys()) {
    if (!['mode', 'group', 'protocol'].includes(name)) throw misunderstood(text, 'mode, group or protocol');
  }
  if (mode !== undefined && !/^0?[0-7]{3}$/.test(mode)) throw misunderstood(text, 'a mode such as 0660');
  if (group === '') throw misunderstood(text, 'the name of a group');
  if (!isProtocol(framing)) throw misunderstood(text, 'the protocol generic or ejabberd');
  return {
    path,
    mode: mode === undefined ? DEFAULT_MODE : Number.parseInt(mode, 8),
    group,
    framing: framings[framing],
  };
}

function splitAtEquals(setting: string): [string, string] {
  const [name = '', ...value] = setting.split('=');
  return [name, value.join('=')];
}

function isProtocol(text: string): text is Protocol {
  return Object.hasOwn(framings, text);
}

function misunderstood(text: string, expected: string): UsageError {
  return new UsageError(`--listen ${text}: expected ${expected}; the whole is ${SYNTAX}`);
}
