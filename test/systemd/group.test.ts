import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replaced } from '../support/documents.js';
import { SECRETS } from '../support/keys.js';
import { ServiceMachine } from './service-machine.js';
import { SystemdMachine, TIMEOUT_MILLISECONDS } from './systemd-machine.js';

const PAGE = 'docs/systemd.md';
const SOCKET = '/run/xtokend/xtokend.sock';
const impediment = SystemdMachine.impediment();

let service: ServiceMachine;

/** Returns the messages in the title of a symptom. */
function messagesOfSymptom(start: string): string[] {
  const lines = readFileSync(PAGE, 'utf8').split('\n');
  const symptom = lines.find((line) => line.startsWith(`- **\`${start}`)) ?? '';
  return [...symptom.matchAll(/`([^`]+)`/g)].map(([, message = '']) => message);
}

const title = `the group of the socket (${impediment ?? 'in namespaces'})`;

/** Returns the fix without its last command: the machine has no Prosody. */
const withoutRestart = (fix: string): string => replaced(fix, ' && systemctl restart prosody', '');

describe.skipIf(impediment !== undefined)(title, { timeout: TIMEOUT_MILLISECONDS }, () => {
  beforeAll(async () => {
    service = await ServiceMachine.boot(SECRETS);
  }, TIMEOUT_MILLISECONDS);

  afterAll(async () => {
    await (service as ServiceMachine | undefined)?.machine.stop();
  });

  it('is needed to start the socket, with the symptom that the page names', () => {
    const { machine } = service;
    machine.do('systemctl stop xtokend.socket xtokend.service; groupdel xtokend-socket');
    expect(machine.run('systemctl start xtokend.service').status).not.toBe(0);
    const status = machine.run('systemctl status --no-pager --full xtokend.socket').stdout;
    const messages = messagesOfSymptom('Failed to resolve group');
    expect(messages).toHaveLength(2);
    for (const message of messages) expect(status).toContain(message);
    const fix = service.check().fix('service-group-missing');
    expect(fix).toContain('systemd-sysusers /usr/local/lib/node_modules/xtokend/systemd/sysusers.conf && ');
    machine.do(fix);
    // The new group has no members.
    machine.do(withoutRestart(service.check().fix('socket-unreachable')));
    expect(service.check().bad).toEqual([]);
  });

  it('has no effect on a daemon that was started by hand, which check names, with a fix that works', () => {
    const { machine } = service;
    machine.do(`systemctl stop xtokend.socket xtokend.service
      nohup xtokend serve --listen unix:${SOCKET},group=xtokend-socket >/dev/null 2>&1 </dev/null &
      echo $! >/root/pid
      while [ ! -S ${SOCKET} ]; do sleep 0.1; done`);
    const pid = machine.do('cat /root/pid').trim();
    const name = `process ${pid} (xtokend)`;
    const { of, fix } = service.check();
    expect(of('socket-not-of-service')).toEqual([
      expect.stringContaining(`warning socket-not-of-service: ${name} listens at ${SOCKET} instead of `),
    ]);
    expect(machine.do('xtokend check --request isuser:alice:example.com')).toContain(
      `But ${name} listens at`,
    );
    const second = machine.run(`xtokend serve --listen unix:${SOCKET}`);
    expect(second.stderr).toContain(`${name} already listens there: kill ${pid}, or choose another path`);
    machine.do(fix('socket-not-of-service'));
    expect(service.check().bad).toEqual([]);
    // Now systemd has it.
    const third = machine.run(`xtokend serve --listen unix:${SOCKET}`);
    expect(third.stderr).toContain(
      'systemd already listens there: systemctl stop xtokend.socket xtokend.service, or choose another path',
    );
  });
});
