import { describe, expect, it } from 'vitest';
import { takeInheritedListeners } from '../../../src/cli/serve/listeners.js';
import { UsageError } from '../../../src/cli/shared/usage-error.js';
import { protocols, type ProtocolOption } from '../../../src/protocol/detection.js';
import { generic } from '../../../src/protocol/generic.js';
import { ejabberd } from '../../../src/protocol/ejabberd.js';

const PID = 4711;

function take(variables: NodeJS.ProcessEnv, protocol: ProtocolOption = 'generic'): unknown[] {
  return takeInheritedListeners({ LISTEN_PID: String(PID), ...variables }, PID, protocol);
}

describe('takeInheritedListeners', () => {
  it('finds descriptors from 3 on, and removes the variables', () => {
    const environment = { LISTEN_PID: '4711', LISTEN_FDS: '2', LISTEN_FDNAMES: 'a:ejabberd', OTHER: 'x' };
    expect(takeInheritedListeners(environment, PID, 'generic')).toEqual([
      { descriptor: 3, label: 'systemd:a', protocol: generic },
      { descriptor: 4, label: 'systemd:ejabberd', protocol: ejabberd },
    ]);
    expect(environment).toEqual({ OTHER: 'x' });
  });

  it('ignores sockets of another process, and removes the variables', () => {
    const environment = { LISTEN_PID: '4712', LISTEN_FDS: '1', LISTEN_FDNAMES: 'generic' };
    expect(takeInheritedListeners(environment, PID, 'generic')).toEqual([]);
    expect(environment).toEqual({});
    expect(takeInheritedListeners({ LISTEN_FDS: '1' }, PID, 'generic')).toEqual([]);
  });

  it.each<[string | undefined, ProtocolOption, ProtocolOption]>([
    ['generic', 'generic', 'generic'],
    ['generic', 'ejabberd', 'generic'],
    ['ejabberd', 'generic', 'ejabberd'],
    ['ejabberd-2', 'generic', 'ejabberd'],
    ['xtokend-ejabberd.socket', 'generic', 'ejabberd'],
    ['native', 'generic', 'native'],
    ['xtokend-auto.socket', 'generic', 'auto'],
    // Other names use that of --protocol.
    ['xtokend.socket', 'auto', 'auto'],
    ['xtokend.socket', 'generic', 'generic'],
    ['xtokend.socket', 'ejabberd', 'ejabberd'],
    ['unknown', 'ejabberd', 'ejabberd'],
    ['ejabberdish', 'generic', 'generic'],
    ['toString', 'generic', 'generic'],
    ['', 'generic', 'generic'],
    [undefined, 'ejabberd', 'ejabberd'],
  ])('chooses the protocol of a socket named %s with --protocol %s', (name, option, expected) => {
    const names = name === undefined ? {} : { LISTEN_FDNAMES: name };
    expect(take({ LISTEN_FDS: '1', ...names }, option)).toMatchObject([{ protocol: protocols[expected] }]);
  });

  it.each([undefined, '', '-1', '1e1', '65', ' 1', '1 '])('rejects %j sockets', (count) => {
    expect(() => take({ LISTEN_FDS: count })).toThrow(UsageError);
    expect(() => take({ LISTEN_FDS: count })).toThrow('expected LISTEN_FDS to be a number');
  });
});
