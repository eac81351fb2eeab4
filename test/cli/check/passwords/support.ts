import { chmodSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished } from 'vitest';
import type { Finding } from '../../../../src/cli/check/finding.js';
import { CheckProcess } from '../../../support/daemon/check-process.js';
import { temporaryFile } from '../../../support/directory.js';
import { SECRETS } from '../../../support/keys.js';

export const BEARER_TOKEN = 'bearer-token-of-this-test';

/** Creates a program that checks passwords, with mode 0755. */
export function program(script: string, interpreter = '/bin/sh'): string {
  const path = temporaryFile(`#!${interpreter}\n${script}\n`, 'check-password');
  chmodSync(path, 0o755);
  chmodSync(dirname(path), 0o755);
  return path;
}

/** A script that answers each request by the code of a branch of `case`. */
export function answering(branches: string): string {
  return `while read -r line; do case $line in ${branches} esac; done`;
}

/** What an application answers. */
export interface Reply {
  readonly status: number;
  readonly body: string;
}

/** A request to an application. */
export interface Asked {
  readonly token: string | undefined;
  readonly body: Readonly<Record<string, string>>;
}

/** Starts an application on this machine, and returns its URL and the requests that it gets. */
export async function application(
  reply: (asked: Asked) => Reply | undefined,
): Promise<{ readonly url: string; readonly asked: readonly Asked[] }> {
  const asked: Asked[] = [];
  const server: Server = createServer((request: IncomingMessage, response) => {
    void text(request).then((body) => {
      const token = request.headers.authorization?.replace('Bearer ', '');
      const one = { token, body: JSON.parse(body) as Asked['body'] };
      asked.push(one);
      const answer = reply(one);
      if (answer !== undefined) response.writeHead(answer.status).end(answer.body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/auth`, asked };
}

/** Writes a configuration with a table of passwords, and the file `token` next to it. */
export function configured(passwords: string, more = ''): string {
  const file = temporaryFile(`${more}${SECRETS}[replay]\nstore = "memory"\n[passwords]\n${passwords}\n`);
  writeFileSync(join(dirname(file), 'token'), BEARER_TOKEN, { mode: 0o600 });
  return file;
}

/** The findings of `xtokend check` about passwords. */
export interface CheckedPasswords {
  readonly status: number | null;
  /** Each as its level and code, without those of the level `note` about the file. */
  readonly codes: readonly string[];
  /** Returns the findings with a code, each as its level, message and fix. */
  readonly of: (code: string) => string[];
  readonly output: string;
}

/** Runs `xtokend check` while this process can answer it. */
export async function checkPasswords(file: string, args: readonly string[] = []): Promise<CheckedPasswords> {
  const { status, stdout, stderr } = await CheckProcess.runMeanwhile([
    'check',
    '--json',
    '--config',
    file,
    ...args,
  ]);
  expect(stderr).toBe('');
  const all = (JSON.parse(stdout) as { findings: Finding[] }).findings;
  const found = all.filter(({ subject }) => subject === 'passwords');
  return {
    status,
    codes: found.map(({ level, code }) => `${level} ${code}`),
    of: (code) =>
      all
        .filter((finding) => finding.code === code)
        .map(({ level, message, fix = '' }) => `${level}: ${message}; ${fix}`),
    output: stdout,
  };
}
