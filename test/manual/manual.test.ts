import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TOPICS } from '../../src/cli/start/program.js';
import { knownSettings } from '../../src/config/schema.js';
import { temporaryDirectory } from '../support/directory.js';
import { hasProgram, requirePackage } from '../support/run/requirements.js';
import { xtokend } from '../support/xtokend.js';
import { optionsOf, program, readPage, sectionsOf } from './pages.js';

const FILES = ['man/mod_auth_xtoken.5', 'man/xtokend.1', 'man/xtokend.toml.5'];
/** The order in man-pages(7). */
const ORDER = [
  ...['NAME', 'SYNOPSIS', 'DESCRIPTION', 'OPTIONS', 'COMMANDS', 'EXIT STATUS', 'ENVIRONMENT', 'FILES'],
  ...['SIGNALS', 'EXAMPLES', 'SEE ALSO'],
];
const UTF8 = { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '80' };
/** It takes a slow machine seconds to start man(1) for the first time. */
const TIMEOUT = 30_000;

const entriesBelow = (file: string): string[] =>
  sectionsOf(readPage(file), 'SS').flatMap(({ entries }) => entries.flatMap(({ names }) => names));

describe('the manual pages', () => {
  it('are all in the package, and each is a topic of "xtokend help"', () => {
    const { man } = JSON.parse(readFileSync('package.json', 'utf8')) as { man: string[] };
    expect(readdirSync('man').map((name) => `man/${name}`)).toEqual(FILES);
    expect(man.map((path) => path.replace('./', '')).sort()).toEqual(FILES);
    expect(
      Object.values(TOPICS)
        .map((name) => `man/${name}`)
        .sort(),
    ).toEqual(FILES);
  });

  it.each(FILES)('%s has its sections in order', (file) => {
    const names = sectionsOf(readPage(file)).map(({ name }) => name);
    expect(names).toEqual(ORDER.filter((name) => names.includes(name)));
    expect(names).toEqual(expect.arrayContaining(['NAME', 'SYNOPSIS', 'DESCRIPTION', 'EXAMPLES']));
  });

  it.for(FILES)('%s is correct for man', { timeout: TIMEOUT }, (file, context) => {
    requirePackage(context, hasProgram('mandb'), 'man-db');
    const run = spawnSync('man', ['--warnings=w', '-l', file], { encoding: 'utf8', env: UTF8 });
    expect(run).toMatchObject({ status: 0, stderr: '' });
    expect(run.stdout).toContain('SEE ALSO');
  });

  it.for(FILES)('%s is correct for mandoc', (file, context) => {
    requirePackage(context, hasProgram('mandoc'), 'mandoc');
    const run = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', file], { encoding: 'utf8' });
    expect(run).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });
});

describe('xtokend(1)', () => {
  const page = readPage('man/xtokend.1');
  const commands = sectionsOf(page, 'SS');

  it('has every command, and no other', () => {
    expect(commands.map(({ name }) => name)).toEqual(program.commands.map((command) => command.name()));
  });

  it.each(program.commands.map((command) => [command.name(), command] as const))(
    'has every option of %s, and no other',
    (name, command) => {
      const section = commands.find((one) => one.name === name);
      expect(section?.text).toContain(`xtokend ${name}`);
      expect(section?.entries.flatMap(({ names }) => names).sort()).toEqual(optionsOf(command).sort());
    },
  );

  it('mentions no option that does not exist', () => {
    const known = ['--help', '--version', ...program.commands.flatMap(optionsOf)];
    const mentioned = [...page.matchAll(/(?<![\w-])--[a-z][\w-]*/g)].map(([option]) => option);
    expect(mentioned.filter((option) => !known.includes(option))).toEqual([]);
    expect(mentioned).toEqual(expect.arrayContaining(['--help', '--version']));
  });

  it('has every topic of "xtokend help"', () => {
    const help = commands.find(({ name }) => name === 'help');
    for (const topic of Object.keys(TOPICS)) expect(help?.text).toContain(`\n.B ${topic}\n`);
  });
});

describe('xtokend.toml(5)', () => {
  const tables = sectionsOf(readPage('man/xtokend.toml.5'), 'SS');
  const headings = new Map([
    ['hosts', '[hosts."example.com"]'],
    ['keys', '[[keys]]'],
  ]);
  const tableNames = ['hosts', 'keys', 'replay', 'passwords', 'passwords.limits', 'log', 'metrics'];

  function headingOf(table: string): string {
    return headings.get(table) ?? `[${table}]`;
  }

  /** Returns the settings of a table that are no tables themselves. */
  function settingsOf(table: string | undefined): string[] {
    const path = table?.split('.') ?? [];
    return knownSettings(path).filter((name) => !tableNames.includes([...path, name].join('.')));
  }

  it('has every table, and no other', () => {
    expect(tables.map(({ name }) => name)).toEqual(['Top of the file', ...tableNames.map(headingOf)]);
  });

  it.each([undefined, ...tableNames])('has every setting of the table %s, and no other', (table) => {
    const title = table === undefined ? 'Top of the file' : headingOf(table);
    const named = tables.find(({ name }) => name === title)?.entries.flatMap(({ names }) => names);
    expect(named?.sort()).toEqual(settingsOf(table).sort());
  });
});

describe('mod_auth_xtoken(5)', () => {
  it('has every setting that the module reads, and no other', () => {
    const lua = readdirSync('prosody').map((name) => readFileSync(`prosody/${name}`, 'utf8'));
    const code = lua.join('\n').replaceAll(/--.*$/gm, '');
    const calls = code.matchAll(/get_(?:option\w*|period)\((?:module, )?([^,)]+)/g);
    const read = [...calls].flatMap(([, argument = '']) =>
      // In a loop over a table of modules and their settings.
      argument === 'setting' ? [...code.matchAll(/"(consider_\w+)" \}/g)].map(([, name]) => name) : argument,
    );
    const names = read.map((name) => name?.replaceAll('"', ''));
    expect(entriesBelow('man/mod_auth_xtoken.5').sort()).toEqual([...new Set(names)].sort());
  });
});

describe('each setting', () => {
  it.each(['man/mod_auth_xtoken.5', 'man/xtokend.toml.5'])('in %s has a default, or is required', (file) => {
    const entries = sectionsOf(readPage(file), 'SS').flatMap((section) => section.entries);
    const without = entries.filter(({ text }) => !/^(Default:|Required)/m.test(text));
    expect(without.flatMap(({ names }) => names)).toEqual([]);
  });
});

describe('xtokend help', () => {
  it('shows how to use a command', () => {
    expect(xtokend(['help', 'mint']).stdout).toBe(xtokend(['mint', '--help']).stdout);
    expect(xtokend(['help']).stdout).toBe(xtokend(['--help']).stdout);
  });

  it.for(Object.entries(TOPICS))(
    'shows the manual page about %s',
    { timeout: TIMEOUT },
    ([topic, file], context) => {
      requirePackage(context, hasProgram('mandb'), 'man-db');
      const { status, stdout, stderr } = xtokend(['help', topic], { env: UTF8 });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toContain(file.replace(/\.(\d)$/, '($1)'));
    },
  );

  it('names the file if there is no man(1)', () => {
    const directory = temporaryDirectory();
    symlinkSync(process.execPath, join(directory, 'node'));
    const { status, stderr } = xtokend(['help', 'configuration'], { env: { PATH: directory } });
    expect(status).toBe(2);
    expect(stderr).toContain('xtokend.toml.5');
  });
});
