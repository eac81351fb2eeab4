import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { requirePackage } from '../support/run/requirements.js';

function run(program: string, ...args: string[]): { status: number | null; output: string } {
  const env = { PATH: process.env['PATH'], XTOKEND_MODULE: 'prosody/mod_auth_xtoken.lua' };
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env });
  return { status, output: stdout + stderr };
}

describe('mod_auth_xtoken', () => {
  it.for(['mod_auth_xtoken', 'xtoken_client', 'xtoken_daemon', 'xtoken_sessions'])(
    'passes %s_spec.lua in a stand-in of Prosody',
    (name, context) => {
      requirePackage(context, run('busted', '--version').status === 0, 'lua-busted');
      const { status, output } = run('busted', `test/prosody/${name}_spec.lua`);
      expect(output).toMatch(/[1-9]\d* successes \/ 0 failures \/ 0 errors/);
      expect(status).toBe(0);
    },
  );

  it('passes luacheck', (context) => {
    requirePackage(context, run('luacheck', '--version').status === 0, 'lua-check');
    const { status, output } = run('luacheck', '--no-color', 'prosody', 'test');
    expect(output).toContain('Total: 0 warnings / 0 errors');
    expect(status).toBe(0);
  });
});
