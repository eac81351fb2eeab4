import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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
    CheckProcess.#shared ??= new CheckProcess();
    return CheckProcess.#shared.#run({ argv: [NODE, PROGRAM, ...args], env: environment(env) });
  }

  #run(request: { readonly argv: readonly string[]; readonly env: NodeJS.ProcessEnv }): Ended {
    writeSync(this.#requests, `${JSON.stringify(request)}\n`);
    return JSON.parse(this.#receive()) as Ended;
  }

  /** Waits for one line. @throws if there is none in time */
  #receive(): string {
    const end = Date.now() + TIMEOUT_MILLISECONDS;
    const buffer = Buffer.alloc(64 * 1024);
    const chunks: Buffer[] = [];
    while (chunks.at(-1)?.at(-1) !== LINE_FEED) {
      const count = readAvailable(this.#replies, buffer);
      if (count > 0) chunks.push(Buffer.from(buffer.subarray(0, count)));
      else if (Date.now() < end) Atomics.wait(NEVER, 0, 0, POLL_MILLISECONDS);
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
  const { createReadStream, openSync, writeSync } = require('node:fs');
  const { createInterface } = require('node:readline');
  const { Writable } = require('node:stream');
  const [requests, replies, program] = process.argv.slice(1);
  const { runProgram } = require(program);

  function capture(name) {
    const captured = { text: '' };
    const write = (chunk, encoding, done) => {
      captured.text += chunk;
      done();
    };
    Object.defineProperty(process, name, { value: new Writable({ decodeStrings: false, write }), configurable: true });
    return captured;
  }

  async function answer(fd, reply) {
    for await (const line of createInterface({ input: createReadStream('', { fd }) })) {
      const { argv, env } = JSON.parse(line);
      for (const name of Object.keys(process.env)) delete process.env[name];
      Object.assign(process.env, env);
      process.argv = argv;
      process.exitCode = undefined;
      // The secrets of the check before.
      delete globalThis['xtokend.known-secrets'];
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
