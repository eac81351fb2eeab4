import { performance } from 'node:perf_hooks';
import pLimit from 'p-limit';
import { nameOfThisUser } from '../../../system/accounts.js';
import { findings, type Finding } from '../finding.js';
import { rerunAs } from '../rerun.js';
import type { Situation } from '../situation.js';
import { checkCommand } from './command.js';
import { checkHttp } from './http.js';
import { checkStore } from './store.js';
import { backendsOf, type ConfiguredBackend } from './backends.js';

const { note, warning } = findings('passwords');

/** Each program of `command` is a process. */
const MAX_PARALLEL = 4;
/** No trial begins later, so that the check ends. Each takes at most 26 s. */
const BEGIN_WITHIN_MILLISECONDS = 20_000;

/** Tries each password back end, with a user and a password that nobody has. */
export async function checkPasswords(situation: Situation): Promise<Finding[]> {
  const backends = backendsOf(situation);
  if (backends.length === 0) return [];
  const limit = pLimit(MAX_PARALLEL);
  const end = performance.now() + BEGIN_WITHIN_MILLISECONDS;
  const found = await Promise.all(
    backends.map((backend) =>
      limit(() => (performance.now() > end ? notTried(backend) : checkBackend(backend, situation))),
    ),
  );
  return [...found.flat(), ...checkUser(situation)];
}

function checkBackend(
  { settings, ...rest }: ConfiguredBackend,
  situation: Situation,
): Promise<readonly Finding[]> {
  switch (settings.kind) {
    case 'app-passwords':
      return checkStore(settings, situation);
    case 'command':
      return checkCommand({ settings, ...rest });
    case 'http':
      return checkHttp({ settings, ...rest });
  }
}

function notTried({ settings: { kind }, host }: ConfiguredBackend): Finding[] {
  const message = `the back end "${kind}" of ${host} was not tried, because the others took too long`;
  return [warning('not-checked', message, 'fix the slow ones first')];
}

/** Another user than this one may do more or less. */
function checkUser({ started, service, named }: Situation): Finding[] {
  const uid = process.getuid?.() ?? 0;
  const tried = `the password back ends were tried as user ${nameOfThisUser()}`;
  const account = started?.account;
  if (account !== undefined && account.uid !== uid) {
    const message = `${tried}, but Prosody starts xtokend as user ${account.name}`;
    return [note('passwords-other-user', message, `run: ${rerunAs(account.name, named)}`)];
  }
  if (service === undefined || service.account.uid === uid) return [];
  return [note('passwords-other-user', `${tried}, but the service runs as user ${service.account.name}`)];
}
