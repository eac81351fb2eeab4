import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisSettings } from '../../../src/replay/redis/settings.js';
import { parseRedisAddress } from '../../../src/replay/redis/store.js';
import { freePort } from '../system/ports.js';
import { end, hasEnded } from '../system/processes.js';

const START_MILLISECONDS = 30_000;

export function hasRedis(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0;
}

/** A Redis server on a port and a Unix socket, which can be stopped and restarted. */
export class RedisServer {
  readonly directory: string;
  readonly port: number;
  readonly #args: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;

  private constructor(port: number, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.directory = mkdtempSync(join(tmpdir(), 'xtokend-redis-'));
    this.port = port;
    this.#args = args;
    this.#env = env;
  }

  /** Starts a server; call {@link remove} in the end. @param args such as `['--maxmemory', '3mb']` */
  static async start(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), args, env);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get socket(): string {
    return join(this.directory, 'redis.sock');
  }

  /** Starts the server, and returns when it answers. */
  async start(): Promise<void> {
    const own = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.directory];
    const quiet = ['--save', '', '--appendonly', 'no', '--unixsocket', this.socket];
    // By default, a primary waits 5 s for more replicas before it synchronizes one.
    const fast = ['--repl-diskless-sync-delay', '0'];
    this.#child = spawn('redis-server', [...own, ...quiet, ...fast, ...this.#args], {
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], ...this.#env },
    });
    const deadline = Date.now() + START_MILLISECONDS;
    while (!/PONG|NOAUTH/.test(this.cli('ping'))) {
      if (Date.now() > deadline || hasEnded(this.#child)) throw new Error('expected redis-server to answer');
      await sleep(20);
    }
  }

  /** Moves a replay cache's epoch into the past, so that it accepts tokens at once instead of after a minute. */
  beginLongAgo(prefix: string): void {
    const [, run = ''] = /run_id:(\w+)/.exec(this.cli('info', 'server')) ?? [];
    const [, history = ''] = /master_replid:(\w+)/.exec(this.cli('info', 'replication')) ?? [];
    this.cli('set', `${prefix}epoch`, `${run}-${history} 0`);
  }

  /** Returns the keys that match a pattern. */
  keys(pattern: string): string[] {
    return this.cli('keys', pattern)
      .split('\n')
      .filter((key) => key !== '');
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Stops the server, which loses data that is not on its disk. */
  async stop(): Promise<void> {
    if (this.#child === undefined) return;
    this.#child.kill('SIGCONT');
    await end(this.#child);
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Returns the output of redis-cli. */
  cli(...args: string[]): string {
    return spawnSync('redis-cli', ['-p', String(this.port), ...args], { encoding: 'utf8', timeout: 30_000 })
      .stdout;
  }
}

/** Returns settings for a Redis server at an address. */
export function redisSettings(url: string, others: Partial<RedisSettings> = {}): RedisSettings {
  return {
    addresses: [parseRedisAddress(url)],
    username: undefined,
    password: undefined,
    ca: undefined,
    prefix: 'test:',
    isCluster: false,
    sentinelMaster: undefined,
    ...others,
  };
}
