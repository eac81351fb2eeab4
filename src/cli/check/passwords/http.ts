import { randomBytes } from 'node:crypto';
import { nameOfUrl, parseBackendUrl } from '../../../passwords/http/url.js';
import type { HttpSettings } from '../../../passwords/settings.js';
import { findings, type Finding } from '../finding.js';
import type { ConfiguredBackend } from './backends.js';
import {
  checkDuration,
  everybodyExists,
  formatMilliseconds,
  makeUpLogin,
  tryLogin,
  tryUser,
  type Tried,
} from './trial.js';

const { ok, warning, problem } = findings('passwords');

const TOKEN_BYTES = 24;

/** Asks the application about a user and a password that nobody has, with the bearer token and without it. */
export async function checkHttp(backend: ConfiguredBackend<HttpSettings>): Promise<Finding[]> {
  const name = nameOfUrl(parseBackendUrl(backend.settings.url));
  const login = await tryHttp(backend);
  if (login.result === 'unavailable') return [failed(login)];
  if (login.result === 'accepted') return [acceptsAny(name)];
  const other = await tryHttp(backend, randomBytes(TOKEN_BYTES).toString('base64url'));
  const isOpen = other.result !== 'unavailable';
  const rest = [
    ...(login.result === 'disabled' ? [disabled(name)] : []),
    ...(isOpen ? [open(name)] : []),
    ...checkDuration(name, login, backend),
    ...(await checkUser(name, backend)),
  ];
  const message = `${name} refuses a wrong password, in ${formatMilliseconds(login.milliseconds)}`;
  const checked = isOpen ? message : `${message}, and a wrong bearer token`;
  return [ok('passwords-http-ok', checked), ...rest];
}

async function checkUser(name: string, backend: ConfiguredBackend<HttpSettings>): Promise<Finding[]> {
  if (!backend.decidesUsers) return [];
  const tried = await tryHttp(backend, undefined, tryUser);
  if (tried.result === 'unavailable') return [failed(tried)];
  return tried.result === 'accepted' ? [everybodyExists(name)] : [];
}

/** @param token another bearer token than that of the configuration */
async function tryHttp(
  { settings, host, timeout }: ConfiguredBackend<HttpSettings>,
  token: string = settings.token,
  attempt: typeof tryLogin = tryLogin,
): Promise<Tried> {
  const { openHttpBackend } = await import('../../../passwords/http/http-backend.js');
  const opened = openHttpBackend({ ...settings, token });
  try {
    return await attempt(opened, makeUpLogin(host), timeout);
  } finally {
    await opened.close();
  }
}

/** The cause is what was found, and then what to do. */
function failed({ cause = '' }: Tried): Finding {
  const [fault = '', ...advice] = cause.split('; ');
  return problem(
    'passwords-http-failed',
    `passwords.url: ${fault}`,
    advice.length === 0 ? undefined : advice.join('; '),
  );
}

function acceptsAny(name: string): Finding {
  const message = `${name} accepts a made-up password of a made-up user, so anybody can log in`;
  return problem(
    'passwords-http-accepts-any',
    message,
    'correct the application; until then, remove passwords.url',
  );
}

function disabled(name: string): Finding {
  const message = `${name} answers a made-up user with status 403, which means a disabled account: no further back end is asked`;
  return warning(
    'passwords-http-disabled',
    message,
    'answer 200 with {"accepted": false}, unless the password is right',
  );
}

function open(name: string): Finding {
  const message = `${name} also answers {"accepted": …} to a wrong bearer token, so whoever can connect to it can guess passwords there`;
  return warning(
    'passwords-http-token',
    message,
    'compare the header Authorization with the token first, and answer 401 without "accepted"',
  );
}
