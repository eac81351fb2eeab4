import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NODE } from '../run/node.js';
import { environment, PROGRAM, type Ended } from '../xtokend.js';

const TIMEOUT_MILLISECONDS = 50_000;
const POLL_MILLISECONDS = 2;

/**
 * A process that runs one `xtokend check` after the other, because starting Node and loading the program takes most of the time of
 * one. Each gets its own command line, environment and standard streams.
 */
export class CheckProcess {
  static #shared: CheckProcess | undefined;
  /** Settles when the last run that does not block has ended. */
  static #last: Promise<unknown> = Promise.resolve();
  readonly #child: ChildProcess;
  readonly #requests: number;
  readonly #replies: number;

  private constructor() {
    const directory = mkdtempSync(join(tmpdir(), 'xtokend-check-'));
    const [requests, replies] = [join(directory, 'requests'), join(directory, 'replies')];
    execFileSync('mkfifo', ['-m', '600', requests, replies]);
    // Neither blocks if the process doesn't start.
    this.#requests = openSync(requests, 'r+');
    this.#replies = openSync(replies, constants.O_RDONLY | constants.O_NONBLOCK);
    const paths = [requests, replies, join(dirname(PROGRAM), '../dist/program.cjs')];
    // It ends when this process, the only one that writes requests, has ended.
    this.#child = spawn(NODE, ['-e', SCRIPT, ...paths], {
      env: environment({}),
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#child.unref();
    this.#receive();
    rmSync(directory, { recursive: true });
  }

  /** Runs `xtokend` with these arguments. @param env the additional environment */
  static run(args: readonly string[], env: NodeJS.ProcessEnv): Ended {
    const shared = (CheckProcess.#shared ??= new CheckProcess());
    shared.#send(args, env, '');
    return JSON.parse(shared.#receive()) as Ended;
  }

  /** Does the same without blocking this process, which can serve it meanwhile. */
  static runMeanwhile(args: readonly string[], input = ''): Promise<Ended> {
    const run = async (): Promise<Ended> => {
      const shared = (CheckProcess.#shared ??= new CheckProcess());
      shared.#send(args, {}, input);
      const receive = shared.#receiving();
      for (;;) {
        const { value, done } = receive.next();
        if (done === true) return JSON.parse(value) as Ended;
        await sleep(POLL_MILLISECONDS);
      }
    };
    const ended = CheckProcess.#last.then(run);
    CheckProcess.#last = ended.catch(() => undefined);
    return ended;
  }

  #send(args: readonly string[], env: NodeJS.ProcessEnv, input: string): void {
    const request = { argv: [NODE, PROGRAM, ...args], env: environment(env), stdin: input };
    writeSync(this.#requests, `${JSON.stringify(request)}\n`);
  }

  #receive(): string {
    const receive = this.#receiving();
    for (;;) {
      const { value, done } = receive.next();
      if (done === true) return value;
      Atomics.wait(NEVER, 0, 0, POLL_MILLISECONDS);
    }
  }

  /** Returns one line. Yields whenever it has to wait. @throws if there is none in time */
  *#receiving(): Generator<void, string> {
    const end = Date.now() + TIMEOUT_MILLISECONDS;
    const buffer = Buffer.alloc(64 * 1024);
    const chunks: Buffer[] = [];
    while (chunks.at(-1)?.at(-1) !== LINE_FEED) {
      const count = readAvailable(this.#replies, buffer);
      if (count > 0) chunks.push(Buffer.from(buffer.subarray(0, count)));
      else if (Date.now() < end) yield;
      else throw this.#stopped();
    }
    return Buffer.concat(chunks).toString();
  }

  #stopped(): Error {
    this.#child.kill('SIGKILL');
    for (const descriptor of [this.#requests, this.#replies]) closeSync(descriptor);
    CheckProcess.#shared = undefined;
    return new Error(`expected xtokend check to end within ${TIMEOUT_MILLISECONDS} ms`);
  }
}

const LINE_FEED = 0x0a;
const NEVER = new Int32Array(new SharedArrayBuffer(4));

/** Returns how many bytes it has read; 0 if there are none yet. */
function readAvailable(descriptor: number, buffer: Buffer): number {
  try {
    return readSync(descriptor, buffer);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0;
    throw error;
  }
}

const SCRIPT = `
  const { openSync, writeSync } = require('node:fs');
  const { Socket } = require('node:net');
  const { createInterface } = require('node:readline');
  const { Readable, Writable } = require('node:stream');
  const [requests, replies, program] = process.argv.slice(1);
  const { runProgram } = require(program);

  function replace(name, value) {
    Object.defineProperty(process, name, { value, configurable: true });
  }

  function capture(name) {
    const captured = { text: '' };
    const write = (chunk, encoding, done) => {
      captured.text += chunk;
      done();
    };
    replace(name, new Writable({ decodeStrings: false, write }));
    return captured;
  }

  async function answer(fd, reply) {
    // A stream of node:fs would block a thread that checks need, such as for app passwords.
    const input = new Socket({ fd, readable: true, writable: false });
    for await (const line of createInterface({ input })) {
      const { argv, env, stdin } = JSON.parse(line);
      for (const name of Object.keys(process.env)) delete process.env[name];
      Object.assign(process.env, env);
      process.argv = argv;
      process.exitCode = undefined;
      // The secrets of the check before.
      delete globalThis['xtokend.known-secrets'];
      replace('stdin', Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]));
      const [stdout, stderr] = [capture('stdout'), capture('stderr')];
      await runProgram(argv, 'test');
      reply({ status: process.exitCode ?? 0, stdout: stdout.text, stderr: stderr.text });
    }
    process.exit();
  }

  const descriptor = openSync(replies, 'w');
  const reply = (value) => {
    let rest = Buffer.from(JSON.stringify(value) + '\\n');
    while (rest.length > 0) rest = rest.subarray(writeSync(descriptor, rest));
  };
  answer(openSync(requests, 'r'), reply);
  reply('ready');`;
