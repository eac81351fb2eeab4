import { describe, expect, it } from 'vitest';
import type { Sight } from '../../../src/server/terminal/answer-policy.js';
import { ANSWER_WITHIN, Bench } from './policy-bench.js';

const GOOD = 'isuser:alice:good\n';
const BAD = 'isuser:alice:bad\n';

const cases: readonly [title: string, run: (bench: Bench) => unknown, events: readonly string[]][] = [
  [
    'a request without an end, and another when the server has gone on',
    (bench) => {
      bench.receive('setpass:mallory:good:x');
      bench.sight = 'elsewhere';
      bench.answer();
      bench.sight = 'waiting';
      bench.receive(GOOD);
      bench.decide();
    },
    ['unanswered', 'yes'],
  ],
  [
    'a request without an end that the server waits for, and another',
    (bench) => {
      bench.receive('setpass:mallory:good:x');
      bench.answer();
      bench.receive(GOOD);
      bench.decide();
    },
    ['unanswered', 'yes'],
  ],
  [
    'a request without an end that is too old, and another',
    (bench) => {
      bench.receive('setpass:mallory:good:x');
      bench.sight = 'hidden';
      bench.now = ANSWER_WITHIN;
      bench.answer();
      bench.receive(GOOD);
      bench.decide();
    },
    ['unanswered', 'yes'],
  ],
  ['one line', (bench) => (bench.receive(GOOD), bench.decide()), ['yes']],
  [
    'one line in pieces',
    (bench) => (bench.receive('isuser:al'), bench.receive('ice:good\n'), bench.decide()),
    ['yes'],
  ],
  ['two lines at once', (bench) => (bench.receive(BAD + GOOD), bench.decide()), ['no']],
  ['a line and more', (bench) => (bench.receive(`${GOOD}isuser`), bench.decide()), []],
  [
    'a line and more, and its end',
    (bench) => (bench.receive(`${GOOD}isuser`), bench.receive('\n'), bench.decide()),
    ['no'],
  ],
  [
    'two lines, the second one late',
    (bench) => (bench.receive(GOOD), (bench.input = GOOD), bench.decide(), bench.decide()),
    ['no'],
  ],
  [
    'bytes that come before the server is seen waiting',
    (bench) => (bench.receive(GOOD), bench.receive(GOOD), bench.decide()),
    ['no'],
  ],
  [
    'a carriage return within',
    (bench) => (bench.receive('isuser:alice:good\risuser:bob:good\n'), bench.decide()),
    ['no'],
  ],
  [
    'a carriage return at the end',
    (bench) => (bench.receive('isuser:alice:good\r\n'), bench.decide()),
    ['no'],
  ],
  ['an empty line', (bench) => (bench.receive('\n'), bench.decide()), ['no']],
  [
    'more than a request can be',
    (bench) => (bench.receive('x'.repeat(5000)), bench.receive(GOOD), bench.decide()),
    ['no'],
  ],
  [
    'a request that comes once the server was seen waiting for the one before',
    (bench) => (bench.receive(BAD), bench.answer(), bench.receive(GOOD), bench.decide()),
    ['unanswered', 'yes'],
  ],
  [
    'a server that has gone on',
    (bench) => ((bench.sight = 'elsewhere'), bench.receive(GOOD), bench.decide()),
    ['unanswered'],
  ],
  [
    'a server that runs',
    (bench) => {
      bench.sight = 'unclear';
      bench.receive(GOOD);
      expect(bench.decide()).toBe(true);
    },
    [],
  ],
  [
    'a server that writes meanwhile',
    (bench) => {
      let written = 0;
      bench.written = () => (written += 1);
      bench.receive(GOOD);
      expect(bench.decide()).toBe(true);
    },
    [],
  ],
  [
    'a server that waits at last',
    (bench) => (
      (bench.sight = 'unclear'),
      bench.receive(GOOD),
      bench.decide(),
      (bench.sight = 'waiting'),
      bench.answer()
    ),
    ['yes'],
  ],
  [
    'a request that is too old',
    (bench) => (bench.receive(GOOD), (bench.now = ANSWER_WITHIN), bench.decide()),
    ['unanswered'],
  ],
  [
    'a request that is not decided in time',
    (bench) => (bench.receive(GOOD), (bench.now = ANSWER_WITHIN), bench.answer()),
    ['unanswered'],
  ],
  [
    'a request of which half is too old',
    (bench) => (
      bench.receive('isuser:al'),
      (bench.now = ANSWER_WITHIN),
      bench.checkInput(),
      bench.receive('ice:good\n'),
      bench.decide()
    ),
    ['unanswered'],
  ],
  [
    'a request that comes after there was no input',
    (bench) => ((bench.now = 5000), bench.checkInput(), bench.receive(GOOD), bench.decide()),
    ['yes'],
  ],
  ['a hidden server', (bench) => ((bench.sight = 'hidden'), bench.receive(GOOD), bench.decide()), ['yes']],
  [
    'a hidden server, too late',
    (bench) => ((bench.sight = 'hidden'), bench.receive(GOOD), (bench.now = ANSWER_WITHIN), bench.decide()),
    ['unanswered'],
  ],
  [
    'a hidden server and two lines',
    (bench) => ((bench.sight = 'hidden'), bench.receive(GOOD + GOOD), bench.decide()),
    ['unanswered'],
  ],
  [
    'an answer that is read',
    (bench) => (bench.receive(GOOD), bench.decide(), (bench.read = 2), bench.answer()),
    ['yes'],
  ],
  [
    'an answer that the server leaves',
    (bench) => (
      bench.receive(GOOD),
      bench.decide(),
      (bench.sight = 'elsewhere'),
      bench.answer(),
      bench.answer()
    ),
    ['yes', 'spoiler'],
  ],
  [
    'an answer that the server is still waiting for',
    (bench) => {
      bench.receive(GOOD);
      bench.decide();
      expect(bench.answer()).toBe(true);
    },
    ['yes'],
  ],
  [
    'an answer to a hidden server',
    (bench) => (
      (bench.sight = 'hidden'),
      bench.receive(GOOD),
      bench.decide(),
      (bench.sight = 'elsewhere'),
      bench.answer()
    ),
    ['yes'],
  ],
];

describe('AnswerPolicy', () => {
  it.each(cases)('%s', (_, run, events) => {
    const bench = new Bench();
    run(bench);
    expect(bench.events).toEqual(events);
  });

  it.each<[Sight, string]>([
    ['waiting', 'no'],
    ['hidden', 'unanswered'],
  ])('to a server that is %s, the rest of a request is answered at most "no"', (sight, event) => {
    const bench = new Bench(true);
    bench.sight = sight;
    bench.receive(GOOD);
    bench.decide();
    bench.receive(GOOD);
    bench.decide();
    expect(bench.events).toEqual([event, 'yes']);
  });
});
