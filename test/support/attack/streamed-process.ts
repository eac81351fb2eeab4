import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { PROGRAM, startXtokend } from '../xtokend.js';

/** What a test learns from a process. */
export interface Observer {
  /** Called with each answer. */
  readonly onAnswer: (token: string, isAccepted: boolean) => void;
  /** Called with each line on stderr. */
  readonly onLog: (line: string) => void;
  /** Called if the process ends by itself. */
  readonly onCrash: (how: string) => void;
}

/** A process of xtokend that gets a stream of requests. */
export class StreamedProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown>;
  readonly #unanswered: string[] = [];
  #next = 0;
  #isEnding = false;

  /** @param limits a shell command that sets limits, such as `ulimit -n 32` */
  constructor(env: NodeJS.ProcessEnv, limits: string, { onAnswer, onLog, onCrash }: Observer) {
    const child = startXtokend(['-c', `${limits}; exec "$0"`, PROGRAM], env, '/bin/sh');
    this.#child = child;
    child.stdin.on('error', () => undefined);
    createInterface(child.stderr).on('line', onLog);
    const lines = createInterface(child.stdout);
    lines.on('line', (line) => {
      const token = this.#unanswered[this.#next] ?? '';
      this.#next += 1;
      onAnswer(token, line === '1');
    });
    this.#ended = Promise.all([once(child, 'close'), once(lines, 'close')]);
    child.once('close', (code, signal) => {
      if (!this.#isEnding) onCrash(`exit ${String(code)} ${String(signal)}`);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** How many requests have no answer yet. */
  get pending(): number {
    return this.#unanswered.length - this.#next;
  }

  send(tokens: readonly string[]): void {
    this.#unanswered.push(...tokens);
    this.#child.stdin.write(tokens.map((token) => `auth:a:b:${token}\n`).join(''));
  }

  /** Ends the process. Returns the tokens without an answer, after all answers were read. */
  async end(how: 'kill' | 'terminate' | 'close'): Promise<string[]> {
    this.#isEnding = true;
    if (how === 'close') this.#child.stdin.end();
    else this.#child.kill(how === 'kill' ? 'SIGKILL' : 'SIGTERM');
    await this.#ended;
    return this.#unanswered.slice(this.#next);
  }
}
