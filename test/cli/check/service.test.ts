import { describe, expect, it } from 'vitest';
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
