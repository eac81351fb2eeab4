import { describe, expect, it } from 'vitest';
import { readLuaSettings } from '../../../src/cli/check/prosody/lua-settings.js';
import { COMPUTED, type LuaValue } from '../../../src/cli/check/prosody/lua.js';

/** Returns the patterns of included files, and each host with its settings. */
function partsOf(text: string): (string | [host: unknown, settings: Record<string, LuaValue | undefined>])[] {
  return readLuaSettings(text).parts.map((part) =>
    part.kind === 'include' ? part.pattern : [part.host, Object.fromEntries(part.settings)],
  );
}

describe('the settings of Prosody', () => {
  it('are read without comments and other Lua code', () => {
    expect(
      partsOf(`
      -- authentication = "commented"
      --[==[ authentication = "out" ]==]
      plugin_paths = { "/a"; '/b', [[/c]] } -- "/d"
      name = "a -- is no comment \\" here"
      local path = "/x"
      https_ports, xtoken_timeout = {}, 5
      modules_enabled = { "roster", nested = { authentication = "inner" }, { "x" } }
      Include "conf.d/*.cfg.lua"
      VirtualHost("one.example")
        authentication = "xtoken"; xtoken_socket = '/run/x'
        Include "two.cfg.lua"
        enabled = true
      Component 'muc.example' "muc"
        authentication = "none"
      VirtualHost "three.example" { authentication = "xtoken", modules_enabled = { "bosh" } }
      authentication = "internal_plain"`),
    ).toEqual([
      [
        undefined,
        {
          plugin_paths: ['/a', '/b', '/c'],
          name: 'a -- is no comment " here',
          https_ports: [],
          xtoken_timeout: '5',
          modules_enabled: ['roster'],
        },
      ],
      'conf.d/*.cfg.lua',
      ['one.example', { authentication: 'xtoken', xtoken_socket: '/run/x' }],
      'two.cfg.lua',
      ['one.example', { enabled: 'true' }],
      ['muc.example', { authentication: 'none' }],
      ['three.example', { authentication: 'xtoken', modules_enabled: ['bosh'] }],
      [undefined, { authentication: 'internal_plain' }],
    ]);
  });

  it.each([
    ['computed = "/y" .. path', 'computed'],
    ['computed = os.getenv "X"', 'computed'],
    ['computed = { "a", other }', 'computed'],
    ['computed = { "a", f("b") }', 'computed'],
    ['a, computed = f(), "b"', 'computed'],
    ['if x == "y" then computed = "a" end', 'computed'],
    ['function f() for i = 1, 2 do end computed = "a" end', 'computed'],
    ['computed = { "a" } table.insert(computed, "b")', 'computed'],
    ['computed = { "a" } computed:append { "b" }', 'computed'],
    ['computed = { "a" } Include "b.lua" computed { "c" }', 'computed'],
  ])('are unknown if Lua code computes them: %s', (text, name) => {
    const values = partsOf(text).map((part) => (typeof part === 'string' ? undefined : part[1][name]));
    expect(values).toContain(COMPUTED);
  });

  it('are read after the end of a block', () => {
    const text = 'if a then b() else c() end while x do y() end repeat z() until q\nd = "e"';
    expect(partsOf(text).at(-1)).toEqual([undefined, { d: 'e' }]);
  });

  it.each([
    'VirtualHost(name)',
    'VirtualHost("a" .. b)',
    'for _, name in ipairs(names) do VirtualHost "x" end',
    'Include(path)',
    'if x then Include "y" end',
    'RunScript "x.lua"',
    'dofile("/x.lua")',
  ])('include the line at which Lua code can define hosts: %s', (text) => {
    const { parts, unread } = readLuaSettings(`\n--[[\n]]\n${text} authentication = "xtoken"`);
    expect(unread).toEqual([4]);
    const hosts = parts.flatMap((part) => (part.kind === 'section' ? [part.host] : []));
    expect(hosts.filter((host) => typeof host === 'string')).toEqual([]);
  });

  it.each(['', '{', 'a = {', '"', '--[[', '[[', 'VirtualHost', 'Include', 'x =', '}}} = {{{'.repeat(1000)])(
    'are read without an error from %j',
    (text) => {
      expect(() => readLuaSettings(text)).not.toThrow();
    },
  );
});
