import { accessSync, constants, statSync } from 'node:fs';
import { basename } from 'node:path';
import { codeOf } from '../../../errors.js';
import type { CommandSettings } from '../../../passwords/settings.js';
import { quoted } from '../../../quoted.js';
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

const { ok, note, problem } = findings('passwords');

const MAX_STDERR_CHARACTERS = 500;

/** What a trial of a program found. */
interface CommandTrial {
  readonly login: Tried;
  /** `undefined` if it does not decide who is a user. */
  readonly user: Tried | undefined;
  /** A part of its stderr, as a message can contain it. */
  readonly stderr: string | undefined;
}

/** Runs the program once, with a user and a password that nobody has. */
export async function checkCommand(backend: ConfiguredBackend<CommandSettings>): Promise<Finding[]> {
  const [program] = backend.settings.command;
  const fault = findFault(program);
  if (fault !== undefined) return [fault];
  const { login, user, stderr } = await tryCommand(backend);
  if (login.result === 'unavailable') return [failed(backend.settings, login, stderr)];
  if (login.result === 'accepted') return [acceptsAny(program)];
  const time = formatMilliseconds(login.milliseconds);
  return [
    ok('passwords-command-ok', `${program} refuses a wrong password, in ${time} with its start`),
    ...checkDuration(program, login, backend),
    ...(user?.result === 'accepted' ? [everybodyExists(program)] : []),
    ...(user?.result === 'unavailable' ? [failed(backend.settings, user, stderr)] : []),
    ...(stderr !== undefined && user?.result !== 'unavailable' ? [reported(program, stderr)] : []),
  ];
}

function findFault(program: string): Finding | undefined {
  try {
    if (!statSync(program).isFile()) return notExecutable(program, 'it is not a file');
    accessSync(program, constants.X_OK);
    return undefined;
  } catch (error) {
    if (codeOf(error) === 'EACCES') return notExecutable(program, 'permission denied');
    const fix = 'set passwords.command to the path of the program';
    return problem('passwords-command-missing', `passwords.command: there is no ${program}`, fix);
  }
}

function notExecutable(program: string, reason: string): Finding {
  const fix = `chmod a+rx ${quoted(program)}; the user of xtokend must also be able to search the directories above it`;
  return problem(
    'passwords-command-not-executable',
    `passwords.command: ${program} cannot be run: ${reason}`,
    fix,
  );
}

async function tryCommand(backend: ConfiguredBackend<CommandSettings>): Promise<CommandTrial> {
  const { settings, host, timeout, decidesUsers } = backend;
  const { openCommandBackend } = await import('../../../passwords/command/command-backend.js');
  let stderr = '';
  const opened = openCommandBackend(
    { ...settings, processes: 1 },
    {
      env: process.env,
      onStderr: (bytes) => {
        // More than is shown, so that a password at the end of that part is found.
        if (stderr.length < 2 * MAX_STDERR_CHARACTERS) stderr += bytes.toString('latin1');
      },
    },
  );
  const madeUp = makeUpLogin(host);
  const login = await tryLogin(opened, madeUp, timeout);
  const user = decidesUsers && login.result === 'wrong' ? await tryUser(opened, madeUp, timeout) : undefined;
  // The rest of stderr comes before that.
  await opened.close();
  return { login, user, stderr: show(stderr, madeUp.password) };
}

/** Returns the beginning of stderr in quotes, on one line. */
function show(stderr: string, password: string): string | undefined {
  const text = Buffer.from(stderr, 'latin1').toString().trim();
  if (text === '') return undefined;
  const forms = ['utf8', 'base64', 'hex'] as const;
  const holdsPassword = forms.some((form) =>
    text.includes(Buffer.from(password).toString(form).replace(/=+$/, '')),
  );
  if (holdsPassword) return 'not shown, because it contains the password: let the program write none there';
  const part = text.slice(0, MAX_STDERR_CHARACTERS);
  const escaped = JSON.stringify(part).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
  return text.length > part.length ? `${escaped} and more` : escaped;
}

/** @param stderr as it can be shown */
function failed({ command: [program], protocol }: CommandSettings, tried: Tried, stderr?: string): Finding {
  const prefix = `command ${program}: `;
  const cause = (tried.cause ?? '').replace(prefix, '').replace(/; it is started again soon$/, '');
  const [fault = '', ...rest] = cause.split('. ');
  const advice = rest.join('. ');
  // The program is there: findFault() has found it.
  const isInterpreter = fault.includes('the interpreter that its first line names');
  const found = isInterpreter ? "can't be started: the interpreter in its first line is missing" : fault;
  const message = `passwords.command: ${program}: ${found}${stderr === undefined ? '' : `; its stderr: ${stderr}`}`;
  return problem('passwords-command-failed', message, fixFor());

  function fixFor(): string {
    if (isInterpreter) return `correct the first line of ${quoted(program)}`;
    if (advice === '' || advice.includes('xtokend check')) return byHand(program, protocol);
    return `${advice.charAt(0).toLowerCase()}${advice.slice(1)}`;
  }
}

/** The arguments can hold a secret, and are in the configuration. */
function byHand(program: string, protocol: CommandSettings['protocol']): string {
  const name = basename(program);
  if (protocol === 'ejabberd')
    return `see the log of ${name}; it must answer each request within the timeout`;
  return `try it as the user of xtokend, with the arguments in passwords.command: echo auth:USER:HOST:PASSWORD | ${quoted(program)}; it must print 0 or 1`;
}

function acceptsAny(program: string): Finding {
  const message = `passwords.command: ${program} accepts a made-up password of a made-up user, so anybody can log in`;
  return problem(
    'passwords-command-accepts-any',
    message,
    'correct the program; until then, remove passwords.command',
  );
}

function reported(program: string, stderr: string): Finding {
  const message = `${program} answers, but reports on stderr, which xtokend discards: ${stderr}`;
  return note('passwords-command-stderr', message);
}
