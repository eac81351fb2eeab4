import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findDifference } from '../../../src/cli/check/service/compare-units.js';
import { readCredentials, readServiceSettings } from '../../../src/cli/check/service/unit-settings.js';

const UNIT = `# /etc/systemd/system/xtokend.service
[Unit]
Description=User=root
[Service]
User = xtokend
; User=root
SystemCallFilter=@system-service \\
# in between
    @pkey
LoadCredential=a:/etc/a
LoadCredential=b:/etc/b:c
[Install]
WantedBy=multi-user.target

# /etc/systemd/system/xtokend.service.d/more.conf
[Service]
LoadCredential=relative
CapabilityBoundingSet=
`;

describe('the settings of a service', () => {
  it('are those below [Service], of the unit and its drop-ins, in their order', () => {
    const settings = readServiceSettings(UNIT).map(({ name, value }) => `${name}=${value}`);
    expect(settings).toEqual([
      'User=xtokend',
      expect.stringMatching(/^SystemCallFilter=@system-service +@pkey$/),
      'LoadCredential=a:/etc/a',
      'LoadCredential=b:/etc/b:c',
      'LoadCredential=relative',
      'CapabilityBoundingSet=',
    ]);
  });

  it('name the files that are copied as credentials', () => {
    const settings = readServiceSettings(UNIT);
    const both = [
      { name: 'a', path: '/etc/a' },
      { name: 'b', path: '/etc/b:c' },
    ];
    expect(readCredentials(settings)).toEqual(both);
    const reset = readServiceSettings(`${UNIT}LoadCredential=\nLoadCredential=d:/etc/d\n`);
    expect(readCredentials(reset)).toEqual([{ name: 'd', path: '/etc/d' }]);
  });
});

describe('an installed unit', () => {
  const PACKAGED = readFileSync('systemd/xtokend.service', 'utf8');
  const changed = (from: RegExp, to: string): string => PACKAGED.replace(from, to);

  it.each([
    ['comments', `; own\n${changed(/^#.*\n/gm, '')}\n\n`],
    ['spaces', changed(/^TimeoutStopSec=10$/m, '  TimeoutStopSec = 10 ')],
    ['the order of settings', changed(/^UMask=0077\n/m, '').replace('[Service]', '[Service]\nUMask=0077')],
    ['the path of the program', changed(/=xtokend (serve|reload)$/gm, '=/usr/bin/xtokend $1')],
    ['the command', changed(/^ExecStart=.*$/m, 'ExecStart=node /opt/xtokend.cjs serve --config /x')],
    ['the description', changed(/^Description=.*$/m, 'Description=ours')],
    ['the protocol of a socket', `${PACKAGED}\n[Socket]\nFileDescriptorName=generic\n`],
  ])('does not differ by %s', (_, unit) => {
    expect(unit).not.toBe(PACKAGED);
    expect(findDifference(unit, PACKAGED)).toBeUndefined();
  });

  it.each([
    [/^UMask=.*\n/m, '', 'it lacks UMask=0077'],
    [/^UMask=.*\n/m, '# UMask=0077\n', 'it lacks UMask=0077'],
    [/^UMask=.*$/m, 'UMask=0027', 'it has UMask=0027 instead of UMask=0077'],
    [/^ExecReload=.*$/m, 'ExecReload=kill -HUP $MAINPID', /^it has ExecReload=kill .*=xtokend reload$/],
    [/^(SystemCallFilter=~.*)$/m, '$1\nSystemCallFilter=kill', /, SystemCallFilter=kill instead of /],
    [/^UMask=.*\n([^]*)\[Install\]/m, '$1[Install]\nUMask=0077', 'it lacks UMask=0077'],
  ])('differs if %s becomes "%s"', (from, to, text) => {
    expect(findDifference(changed(from, to), PACKAGED)).toEqual({
      isAddition: false,
      text: typeof text === 'string' ? text : (expect.stringMatching(text) as unknown),
    });
  });

  it('can have more settings, whose values are not shown', () => {
    const unit = changed(/^UMask/m, 'SetCredential=a:secret\nUMask');
    expect(findDifference(unit, PACKAGED)).toEqual({ isAddition: true, text: 'it also has SetCredential=' });
  });
});
