import { describe, expect, it } from 'vitest';
import { batchesOf } from '../../src/users/list-batches.js';

const isSimple = (text: string): boolean[] => [...batchesOf(text)].map((batch) => batch.isSimple);

describe('the batches of a list', () => {
  it.each([
    '',
    'alice',
    'Alice\n',
    '\n\n',
    'a@b\n',
    'a.b+c@x-1.example.com\nbob\n',
    'a\r\nb@c\r\n',
    '{|}~!$%()=?[\\]^_`',
  ])('are simple: %j', (text) => {
    expect(isSimple(text)).toEqual([true]);
  });

  it.each([
    '# x',
    'bob#1',
    'a b',
    ' a',
    'a\t',
    'a@',
    '@b',
    'a@b@c',
    'a@b..c',
    'a@b.',
    'a:b',
    'a/b',
    'straße',
    'a"',
    "a'",
    'a&',
    '<a',
    'a,b',
    'a;b',
    '*',
    'a\rb',
    'a\x7f',
  ])('are not simple: %j', (text) => {
    expect(isSimple(`alice\n${text}\n`)).toEqual([false]);
  });

  it('hold each line once, in lower case if they are simple', () => {
    const lines = Array.from({ length: 20_000 }, (_, index) =>
      index === 12_345 ? '# Note' : `User${index}`,
    );
    const batches = [...batchesOf(lines.join('\n'))];
    expect(batches.length).toBeGreaterThan(5);
    expect(batches.filter((block) => !block.isSimple)).toHaveLength(1);
    const found = batches.flatMap((block) => block.lines);
    expect(found.map((line) => line.toLowerCase())).toEqual(lines.map((line) => line.toLowerCase()));
    expect(found.filter((line) => /[A-Z]/.test(line)).length).toBeLessThan(5000);
    expect(found).toContain('# Note');
  });
});
