import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { refused, type CompletedRequest } from '../../../src/authenticator/decision.js';
import { generic } from '../../../src/protocol/generic.js';
import type { RequestHandler } from '../../../src/server/responder.js';
import { serveSockets, type Listener } from '../../../src/server/sockets.js';
import { temporaryDirectory } from '../directory.js';

type Decide = RequestHandler['decide'];

/** Accepts even users, after some time if the host is a number of milliseconds. */
const decide: Decide = async (request) => {
  if (request.operation !== 'isuser') return refused('malformed-request');
  const milliseconds = Number(request.host);
  if (milliseconds > 0) await sleep(milliseconds);
  const isEven = Number(request.user) % 2 === 0;
  return isEven ? { outcome: 'accepted' } : refused('unknown-host');
};

interface Running {
  readonly paths: readonly string[];
  readonly stop: AbortController;
  readonly end: Promise<void>;
  /** The warnings, each as a message and its fields. */
  readonly warnings: [string, object][];
  /** How many requests were completed with an answer. */
  readonly answered: () => number;
  readonly unanswered: () => number;
  /** The causes that were reported of incomplete requests. */
  readonly incomplete: readonly string[];
}

type Settings = Partial<Omit<Listener, 'path'>> & { readonly name?: string };

/** Serves sockets in a directory, until the test ends. */
export function serve(directory: string, ...settings: Settings[]): Promise<Running> {
  return start(decide, directory, settings);
}

/** Serves one socket with another function that decides. */
export function serveWith(decideOtherwise: Decide): Promise<Running> {
  return start(decideOtherwise, temporaryDirectory(), [{}]);
}

async function start(decide: Decide, directory: string, settings: readonly Settings[]): Promise<Running> {
  const paths = settings.map(({ name = 'socket' }) => join(directory, name));
  const listeners = settings.map((setting, index) => ({
    mode: 0o660,
    protocol: generic,
    ...setting,
    path: paths[index] ?? '',
  }));
  const stop = new AbortController();
  const warnings: [string, object][] = [];
  const incomplete: string[] = [];
  const counts = { answered: 0, unanswered: 0 };
  const onCompleted = ({ outcome, reason, cause }: CompletedRequest): void => {
    if (outcome === 'unanswered' && reason !== 'deadline-exceeded') incomplete.push(cause ?? '');
    else counts[outcome === 'unanswered' ? 'unanswered' : 'answered'] += 1;
  };
  let listening = 0;
  const end = serveSockets({
    listeners,
    decide,
    onCompleted,
    stop: stop.signal,
    onListening: () => (listening += 1),
    onReady: () => undefined,
    onWarning: (message, fields) => warnings.push([message, fields]),
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
    warnings,
    answered: () => counts.answered,
    unanswered: () => counts.unanswered,
    incomplete,
  };
}

export async function open(path = ''): Promise<Socket> {
  const socket = connect({ path, allowHalfOpen: true });
  // Writes can fail when the server ends; reads report that as well.
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  return socket;
}

/** Sends all, ends the output, and reads to the end. */
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
