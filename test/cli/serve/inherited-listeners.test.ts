import { describe, expect, it } from 'vitest';
import { takeInheritedListeners } from '../../../src/cli/serve/listeners.js';
import { UsageError } from '../../../src/cli/shared/usage-error.js';
import type { Protocol } from '../../../src/protocol/framings.js';
import { lines } from '../../../src/protocol/lines.js';
import { packets } from '../../../src/protocol/packets.js';

const PID = 4711;

function take(variables: NodeJS.ProcessEnv, protocol: Protocol = 'generic'): unknown[] {
  return takeInheritedListeners({ LISTEN_PID: String(PID), ...variables }, PID, protocol);
}

describe('takeInheritedListeners', () => {
  it('finds descriptors from 3 on, and removes the variables', () => {
    const environment = { LISTEN_PID: '4711', LISTEN_FDS: '2', LISTEN_FDNAMES: 'a:ejabberd', OTHER: 'x' };
    expect(takeInheritedListeners(environment, PID, 'generic')).toEqual([
      { descriptor: 3, label: 'systemd:a', framing: lines },
      { descriptor: 4, label: 'systemd:ejabberd', framing: packets },
    ]);
    expect(environment).toEqual({ OTHER: 'x' });
  });

  it('ignores sockets of another process, and removes the variables', () => {
    const environment = { LISTEN_PID: '4712', LISTEN_FDS: '1', LISTEN_FDNAMES: 'generic' };
    expect(takeInheritedListeners(environment, PID, 'generic')).toEqual([]);
    expect(environment).toEqual({});
    expect(takeInheritedListeners({ LISTEN_FDS: '1' }, PID, 'generic')).toEqual([]);
  });

  it.each<[string | undefined, Protocol, unknown]>([
    ['generic', 'generic', lines],
    ['generic', 'ejabberd', lines],
    ['ejabberd', 'generic', packets],
    ['ejabberd-2', 'generic', packets],
    ['xtokend-ejabberd.socket', 'generic', packets],
    // Other names use that of --protocol.
    ['xtokend.socket', 'generic', lines],
    ['xtokend.socket', 'ejabberd', packets],
    ['unknown', 'ejabberd', packets],
    ['ejabberdish', 'generic', lines],
    ['toString', 'generic', lines],
    ['', 'generic', lines],
    [undefined, 'ejabberd', packets],
  ])('chooses the protocol of a socket named %s with --protocol %s', (name, protocol, framing) => {
    const names = name === undefined ? {} : { LISTEN_FDNAMES: name };
    expect(take({ LISTEN_FDS: '1', ...names }, protocol)).toMatchObject([{ framing }]);
  });

  it.each([undefined, '', '-1', '1e1', '65', ' 1', '1 '])('rejects %j sockets', (count) => {
    expect(() => take({ LISTEN_FDS: count })).toThrow(UsageError);
    expect(() => take({ LISTEN_FDS: count })).toThrow('expected LISTEN_FDS to be a number');
  });
});
