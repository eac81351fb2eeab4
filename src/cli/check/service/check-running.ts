import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../../errors.js';
import { findGroup } from '../../../system/accounts.js';
import { createAccounts } from '../../shared/accounts.js';
import { findings, type Finding } from '../finding.js';
import type { Situation } from '../situation.js';
import { SERVICE, showUnits, SOCKET, type Properties } from './find-service.js';
import type { Credential } from './unit-settings.js';

const { warning, problem } = findings('service');

/** Where systemd keeps the credentials of the service while it runs. */
const CREDENTIALS = '/run/credentials/xtokend.service';

/** Checks whether the service runs, and with its present unit and credentials. */
export async function checkRunning({ service, started }: Situation): Promise<Finding[]> {
  if (service === undefined) return [];
  const [state = {}, socket = {}] = await showUnits([SERVICE, SOCKET]);
  const group = socket['SocketGroup'] ?? '';
  if (group !== '' && findGroup(group) === undefined) return [groupMissing(group)];
  const isActive = ['active', 'reloading'].includes(state['ActiveState'] ?? '');
  return [
    ...(isActive
      ? service.credentials.filter(hasChanged).map(old)
      : explainStopped(state, started !== undefined)),
    ...(service.isOutdated ? [outdated] : []),
  ];
}

function groupMissing(group: string): Finding {
  const message = `systemd cannot open ${SOCKET}, and so cannot start ${SERVICE}: there is no group ${group} (SocketGroup=)`;
  const fix = `${createAccounts()} && systemctl restart ${SOCKET} ${SERVICE}`;
  return problem('service-group-missing', message, fix);
}

/** If Prosody starts its own xtokend, the service need not run. */
function explainStopped(state: Properties, isStarted: boolean): Finding[] {
  const found = explainState(state);
  return isStarted && found === inactive ? [] : [found];
}

function explainState(state: Properties): Finding {
  const { ActiveState: active, SubState: sub, Result: result = '', ExecMainStatus: status = '' } = state;
  const isRestarted = active === 'activating' && Number(state['NRestarts']) > 0;
  if (active !== 'failed' && sub !== 'auto-restart' && !isRestarted) return inactive;
  const message = `${SERVICE} does not stay up: its last process ended with status ${status} (${result})`;
  const fix = `see journalctl -u ${SERVICE} -n 20; after the fix, systemctl restart xtokend`;
  return problem('service-failing', message, fix);
}

/** A running service does not see a change, even after a reload. */
function hasChanged({ name, path }: Credential): boolean {
  const source = contentOf(path);
  const copy = contentOf(join(CREDENTIALS, name));
  if (source === undefined || source === 'missing' || copy === undefined) return false;
  return copy === 'missing' || !source.equals(copy);
}

/** Returns `undefined` if this user cannot read the file. */
function contentOf(path: string): Buffer | 'missing' | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? 'missing' : undefined;
  }
}

function old({ name, path }: Credential): Finding {
  const message = `the running service has an old copy of ${path}: systemd copied the credential ${name} when the service started`;
  const fix = 'systemctl restart xtokend; a reload is not enough';
  return warning('service-credential-old', message, fix);
}

const inactive = warning(
  'service-inactive',
  `${SERVICE} does not run`,
  'systemctl enable --now xtokend.socket xtokend.service',
);

const outdated = warning(
  'service-outdated',
  `a unit file of ${SERVICE} has changed, and systemd has not reloaded it`,
  'systemctl daemon-reload && systemctl restart xtokend',
);
