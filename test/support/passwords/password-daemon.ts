import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Daemon } from '../daemon/daemon.js';
import { NativeConnection } from '../daemon/native-connection.js';
import { temporaryDirectory } from '../directory.js';
import { SECRETS } from '../keys.js';
import { HttpEnd } from './http-end.js';
import { writeScripts, type PasswordScripts } from './scripts.js';

/** What the configuration of a {@link PasswordDaemon} can refer to. */
export interface PasswordParts {
  readonly directory: string;
  readonly scripts: PasswordScripts;
  readonly http: HttpEnd;
}

/** A daemon for example.com that accepts passwords, until the test ends. */
export interface PasswordDaemon extends PasswordParts {
  readonly daemon: Daemon;
  /** Opens a connection in the native protocol. */
  readonly connect: () => Promise<NativeConnection>;
}

/**
 * Starts a daemon.
 *
 * @param settings returns the table `[passwords]`, and tables after it
 * @param top settings before the first table
 */
export async function startPasswordDaemon(
  settings: (parts: PasswordParts) => string,
  top = '',
): Promise<PasswordDaemon> {
  const directory = temporaryDirectory();
  const http = new HttpEnd();
  await http.start();
  onTestFinished(() => http.stop());
  const parts = { directory, http, scripts: writeScripts(directory) };
  mkdirSync(join(directory, 'state'), { mode: 0o700 });
  const daemon = new Daemon(`${SECRETS}\n${top}\n${settings(parts)}`);
  onTestFinished(() => daemon.remove());
  await daemon.start();
  const connect = async (): Promise<NativeConnection> => {
    const connection = await NativeConnection.open(daemon.socketPath);
    onTestFinished(() => {
      connection.close();
    });
    return connection;
  };
  return { ...parts, daemon, connect };
}
