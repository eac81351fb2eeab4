import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const PLACES = [
  'src',
  'bin',
  'prosody',
  'man',
  'completion',
  'docs',
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
];

/**
 * Identifiers and phrases that the glossary in CONTRIBUTING.md replaces. None is an ordinary word, which may be right somewhere:
 * what is replaced by which term is in the glossary.
 */
const OLD_TERMS = [
  ...['onTrouble', 'onBroken', 'onMended', 'onForeign', 'isMended', 'letIn', 'takeUp', 'tookUp', 'stayAwake'],
  ...[
    'ReplayRecord',
    'MemoryRecord',
    'DirectoryRecord',
    'RedisRecord',
    'RecordError',
    'openRecord',
    'watchRecord',
  ],
  ...['currentStep', 'stepAt', 'isBeforeHorizon', 'NOTHING_KNOWN', 'HeldBack', 'FloodOptions', 'openOutlet'],
  ...['DecisionLog', 'NonsenseError', 'KeeperHandover', 'KEEPER_VARIABLE', 'XTOKEND_KEEPER', 'keeper.sh'],
  ...['before-horizon', 'record-unavailable', 'too-late', 'claimed', 'ClaimSink', 'unclaimed'],
  ...[
    'verdict="',
    "'verdict'",
    "'withheld'",
    'xtokend_store_entries',
    'xtokend_configuration_reloads_total',
    'taken_up',
  ],
  ...[
    'cure',
    'cures',
    'cured',
    'outlet',
    'outlets',
    'keeper',
    'withheld',
    'taken up',
    'takes up a',
    'took up',
  ],
  ...['record of used tokens', 'used tokens are remembered', 'the horizon', 'turn of the event loop'],
  ...['the one from before goes on', 'metrics can be had', 'more are closed at once'],
  ...[
    'exception that nobody expected',
    'lets nobody in',
    'lets somebody in',
    'lets the wrong person in',
    'let in',
  ],
  ...['as long as it sees', 'whoever asks', 'who asks is', 'stay awake', 'heals by itself', 'nobody knows'],
  ...['folder', 'folders', 'hands out'],
];

function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesBelow(join(path, name)));
}

/** The glossary names the terms that it replaces. */
function textOf(path: string): string {
  const text = readFileSync(path, 'utf8');
  return path === 'CONTRIBUTING.md' ? text.replace(/^\|.*\|$/gm, '') : text;
}

const ESCAPED = OLD_TERMS.map((term) => term.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
const ANY = new RegExp(String.raw`(?<![\w-])(${ESCAPED.join('|')})(?![a-z])`, 'gi');

describe('the vocabulary', () => {
  it.each(PLACES)('of %s is that of the glossary', (place) => {
    const found = filesBelow(place).flatMap((path) =>
      textOf(path)
        .split('\n')
        .flatMap((line, index) =>
          [...line.matchAll(ANY)].map(([term]) => `${path}:${String(index + 1)}: ${term}`),
        ),
    );
    expect(found).toEqual([]);
  });
});
