import { once } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFile } from '../support/directory.js';
import { requireScript } from '../support/run/requirements.js';
import { PROGRAM, startXtokend, xtokend } from '../support/xtokend.js';
import { CONFIGURATION } from './support.js';

describe('on the terminal of a person', () => {
  beforeEach(requireScript);

  it('xtokend changes neither echo nor other settings, and Ctrl-C ends it', async () => {
    const config = temporaryFile(CONFIGURATION);
    // The settings are printed before and after; between them, Ctrl-C interrupts the program.
    const commands = `trap : INT; stty -a; ${PROGRAM} --config ${config}; echo "status $?"; stty -a`;
    const session = startXtokend(['-qec', commands, '/dev/null'], {}, 'script');
    let screen = '';
    session.stdout.on('data', (data: Buffer) => (screen += data.toString()));
    await expect.poll(() => screen).toContain('Ctrl-D ends.');
    session.stdin.write('isuser:a:b');
    await expect.poll(() => screen).toContain('isuser:a:b');
    session.stdin.write('\u0003');
    await once(session, 'close');
    expect(screen).toContain('status 0');
    const [before, after] = screen.split('isuser:a:b').map((part) => /-?ignbrk[^]*-extproc/.exec(part)?.[0]);
    expect(before).toContain(' icanon ');
    expect(before).toContain(' echo ');
    expect(after).toBe(before);
  });

  it('xtokend reads every line in the generic protocol', () => {
    const command = `${PROGRAM} --config ${temporaryFile(CONFIGURATION)}`;
    const input = 'VERSION\t1\t0\nx\nisuser:alice:example.com\n\u0004';
    const { stdout } = xtokend(['-qec', command, '/dev/null'], { program: 'script', input });
    expect(stdout.match(/^[01]\r?$/gm)?.map((line) => line.trim())).toEqual(['0', '0', '1']);
  });

  it.each(['ejabberd', 'native'])('--protocol %s is rejected', (protocol) => {
    const { stdout, status } = xtokend(['-qec', `${PROGRAM} --protocol ${protocol}`, '/dev/null'], {
      program: 'script',
    });
    expect(status).toBe(2);
    expect(stdout).toContain(`--protocol ${protocol} is for pipes`);
  });
});
