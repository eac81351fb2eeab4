import type { Finding } from '../finding.js';
import type { Situation } from '../situation.js';
import { checkCredentials } from './credentials.js';
import { SERVICE, showUnits, type Properties } from './find-service.js';

/** Finds out whether the service runs, and with what is there now. */
export async function checkRunning({ service }: Situation): Promise<Finding[]> {
  if (service === undefined) return [];
  const [state = {}] = await showUnits([SERVICE]);
  const isActive = ['active', 'reloading'].includes(state['ActiveState'] ?? '');
  return [
    ...(isActive ? checkCredentials(service.credentials) : [explainState(state)]),
    ...(service.isOutdated ? [outdated] : []),
  ];
}

function explainState(state: Properties): Finding {
  const { ActiveState: active, SubState: sub, NRestarts: restarts } = state;
  const isRestarted = active === 'activating' && Number(restarts) > 0;
  const isFailing = active === 'failed' || sub === 'auto-restart' || isRestarted;
  return isFailing ? failing(state) : inactive;
}

function failing({ Result: result = '', ExecMainStatus: status = '' }: Properties): Finding {
  return {
    level: 'problem',
    code: 'service-failing',
    subject: 'service',
    message: `${SERVICE} doesn't stay up: its last process ended with status ${status} (${result})`,
    fix: `journalctl -u ${SERVICE} -n 20 says why; once that is fixed: systemctl restart xtokend`,
  };
}

const inactive: Finding = {
  level: 'warning',
  code: 'service-inactive',
  subject: 'service',
  message: `${SERVICE} doesn't run`,
  fix: 'systemctl enable --now xtokend.socket xtokend.service',
};

const outdated: Finding = {
  level: 'warning',
  code: 'service-outdated',
  subject: 'service',
  message: `a unit file of ${SERVICE} has changed, and systemd hasn't read it yet`,
  fix: 'systemctl daemon-reload && systemctl restart xtokend',
};
