import type { Socket } from 'node:net';
import { SentinelConnector, StandaloneConnector } from 'ioredis/built/connectors/index.js';
import { ReplyCounter } from './reply-counter.js';

/**
 * Commands that have timed out still wait for their replies in ioredis, and a server that is always late never catches up. Far
 * more than are under way while replies come in time.
 */
export const MAX_UNREPLIED = 16_384;

/**
 * Puts a guard on every connection of ioredis: one on which something comes that no command asked for, that is not the protocol or
 * that has no measure, is closed before ioredis sees it. By itself, ioredis 6 lets a reply too many end the process (a nil), takes it
 * for the reply to the next command, and makes room for whatever length it is told.
 *
 * It works on what every connector returns, as the clients that ask Sentinels and cluster nodes are ioredis' own.
 */
export function guardConnections(): void {
  for (const { prototype } of [StandaloneConnector, SentinelConnector]) {
    const { connect }: { connect: (emitter: ErrorEmitter) => Promise<Socket> } = prototype;
    prototype.connect = async function guarded(emitter) {
      const stream = await connect.call(this, emitter);
      guard(stream);
      return stream;
    };
  }
}

type ErrorEmitter = Parameters<StandaloneConnector['connect']>[0];
const NOTHING = Buffer.alloc(0);

type AnyFunction = (...args: unknown[]) => boolean;

function guard(stream: Socket): void {
  // ioredis listens to the first error only.
  stream.on('error', () => undefined);
  const [sent, received] = [new ReplyCounter(), new ReplyCounter()];
  const write = stream.write.bind(stream) as AnyFunction;
  const emit = stream.emit.bind(stream) as AnyFunction;
  stream.write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    sent.read(Buffer.from(chunk));
    if (sent.count - received.count > MAX_UNREPLIED) {
      stream.destroy(new Error(`expected replies of Redis, found ${MAX_UNREPLIED} commands without one`));
    }
    return write(chunk, ...rest);
  };
  // Not as a listener: ioredis' own comes before all others.
  stream.emit = (event: string | symbol, ...args: unknown[]) => {
    if (event !== 'data') return emit(event, ...args);
    const wanted = wantedOf(args[0] as Buffer);
    return wanted.length === 0 || emit(event, wanted);
  };

  function wantedOf(chunk: Buffer): Buffer {
    if (stream.destroyed) return NOTHING;
    try {
      const wanted = received.read(chunk);
      if (received.begun <= sent.count) return wanted;
      throw new Error('expected a reply of Redis to each command, found one more');
    } catch (error) {
      stream.destroy(error as Error);
      return NOTHING;
    }
  }
}
