import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Daemon } from '../../test/support/daemon.js';
import { replaced } from '../../test/support/documents.js';
import { exampleFor, LPTY_FOLDER, Prosody, type ProsodyRelease } from '../../test/support/prosody.js';
import { CONFIGURATION } from '../../test/servers/logins.js';
import { OTP_SEED, TOKEN_SECRET } from '../../test/support/keys.js';
import { thenStopped, withFolder } from '../support/clean-up.js';
import { STOCK_CONFIGURATION, stockEnvironment, stockSettings } from '../../test/servers/stock/wiring.js';

/** The host that asks xtokend, and the one of the same Prosody that looks into its own files. */
export const OUR_HOST: string = 'example.com';
export const PLAIN_HOST: string = 'plain.example';
/** The one whose tokens Prosody checks itself, by mod_auth_token_in_process.lua. */
export const LUA_HOST: string = 'lua.example';

/** How long a login waits for xtokend, with either module. */
export const TIMEOUT_SECONDS: number = 2;

/** A Prosody with our module, and the daemon that it asks. */
export interface OurMachine {
  readonly prosody: Prosody;
  readonly daemon: Daemon;
}

/** Lends a Prosody that asks a daemon for one host, and nobody for the other. */
export async function withOurs<Result>(
  release: ProsodyRelease,
  action: (machine: OurMachine) => Promise<Result>,
): Promise<Result> {
  const daemon = new Daemon(CONFIGURATION);
  return thenStopped(
    () => daemon.remove(),
    async () => {
      await daemon.start();
      const example = exampleFor(daemon.socketPath);
      const prosody = await Prosody.start({
        release,
        configuration: `${logInto(dirname(daemon.socketPath))}\n${hasLuaossl() ? withOwnModules(example) : example}`,
        settings: `xtoken_timeout = ${TIMEOUT_SECONDS}`,
        more: `VirtualHost "${PLAIN_HOST}" authentication = "internal_plain"\n${hasLuaossl() ? luaHost() : ''}`,
      });
      return thenStopped(
        () => prosody.stop(),
        () => action({ prosody, daemon }),
      );
    },
  );
}

/** Whether Prosody can compute an HMAC itself. */
export function hasLuaossl(): boolean {
  return spawnSync('lua5.4', ['-e', 'require "openssl.hmac"']).status === 0;
}

function withOwnModules(example: string): string {
  const modules = `"${resolve('prosody')}"`;
  return replaced(example, modules, `${modules}, "${resolve('bench/servers')}"`);
}

function luaHost(): string {
  const secrets = `otp_seed = "${OTP_SEED}"\ntoken_secret = "${TOKEN_SECRET}"`;
  return `VirtualHost "${LUA_HOST}" authentication = "token_in_process"\n${secrets}`;
}

/** Whether Prosody can have the stock wiring here. */
export function hasStock(): boolean {
  return existsSync(LPTY_FOLDER);
}

/** Lends a Prosody that runs xtokend on a terminal, as docs/prosody-stock-module.md says. */
export function withStock<Result>(
  release: ProsodyRelease,
  action: (prosody: Prosody) => Promise<Result>,
): Promise<Result> {
  return withFolder(async (directory) => {
    const config = join(directory, 'xtokend.toml');
    writeFileSync(config, STOCK_CONFIGURATION, { mode: 0o600 });
    const configuration = `${logInto(directory)}\n${stockSettings(TIMEOUT_SECONDS)}`;
    const prosody = await Prosody.start({ release, configuration, env: stockEnvironment(config) });
    return thenStopped(
      () => prosody.stop(),
      () => action(prosody),
    );
  });
}

/** As much as an installed Prosody logs. The tests log at level debug, which costs more than what is measured. */
function logInto(directory: string): string {
  return `log = { info = "${directory}/prosody.log" }`;
}
