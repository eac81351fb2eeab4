import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { refused } from '../../src/authenticator/authenticator.js';
import { lines } from '../../src/protocol/lines.js';
import type { Decide, Observer } from '../../src/server/responder.js';
import { serveSockets, type Listener } from '../../src/server/sockets.js';
import { temporaryDirectory } from './directory.js';

/** Says yes to even users, after some time where the host is a number of milliseconds. */
const decide: Decide = async (request) => {
  if (request.operation !== 'isuser') return refused('malformed-request');
  const milliseconds = Number(request.host);
  if (milliseconds > 0) await sleep(milliseconds);
  const isEven = Number(request.user) % 2 === 0;
  return isEven ? { accepted: true, context: {} } : refused('unknown-host');
};

interface Running {
  readonly paths: readonly string[];
  readonly stop: AbortController;
  readonly end: Promise<void>;
  readonly troubles: string[];
  readonly unanswered: () => number;
  readonly decided: () => number;
  /** What was reported of bytes that are no whole request. */
  readonly incomplete: readonly string[];
}

type Settings = Partial<Omit<Listener, 'path'>> & { readonly name?: string };

/** Serves sockets in a directory, until the test ends. */
export function serve(directory: string, ...settings: Settings[]): Promise<Running> {
  return start(decide, directory, settings);
}

/** Serves one socket, with decisions of the test's own. */
export function serveWith(decideOtherwise: Decide): Promise<Running> {
  return start(decideOtherwise, temporaryDirectory(), [{}]);
}

async function start(decide: Decide, directory: string, settings: readonly Settings[]): Promise<Running> {
  const paths = settings.map(({ name = 'socket' }) => join(directory, name));
  const listeners = settings.map((setting, index) => ({
    mode: 0o660,
    framing: lines,
    ...setting,
    path: paths[index] ?? '',
  }));
  const stop = new AbortController();
  const troubles: string[] = [];
  const incomplete: string[] = [];
  const counts = { unanswered: 0, decided: 0 };
  const observer: Observer = {
    decided: () => (counts.decided += 1),
    failed: () => undefined,
    unanswered: () => (counts.unanswered += 1),
    incomplete: (cause) => incomplete.push(cause),
  };
  let listening = 0;
  const end = serveSockets({
    listeners,
    decide,
    observe: () => observer,
    stop: stop.signal,
    onListening: () => (listening += 1),
    onReady: () => undefined,
    onWarning: (_, fault) => troubles.push(fault),
  });
  onTestFinished(async () => {
    stop.abort();
    await end.catch(() => undefined);
  });
  await Promise.race([end, expect.poll(() => listening).toBe(paths.length)]);
  return {
    paths,
    stop,
    end,
    troubles,
    unanswered: () => counts.unanswered,
    decided: () => counts.decided,
    incomplete,
  };
}

export async function open(path = ''): Promise<Socket> {
  const socket = connect({ path, allowHalfOpen: true });
  // What is still to be written when the server ends fails; whoever reads or waits is told of it nevertheless.
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  return socket;
}

/** Sends all, says that nothing more comes, and reads to the end. */
export async function ask(path: string | undefined, requests: string | Buffer): Promise<string> {
  const socket = await open(path);
  socket.end(requests);
  return readAll(socket);
}

export async function readAll(socket: Socket): Promise<string> {
  let answers = '';
  for await (const chunk of socket) answers += String(chunk);
  return answers;
}
