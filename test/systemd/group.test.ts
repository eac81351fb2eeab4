import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SECRETS } from '../support/keys.js';
import { ServiceMachine } from './service-machine.js';
import { SystemdMachine, TIMEOUT_MILLISECONDS } from './systemd-machine.js';

const PAGE = 'docs/systemd.md';
const impediment = SystemdMachine.impediment();

let service: ServiceMachine;

/** Returns the messages in the title of a symptom. */
function messagesOfSymptom(start: string): string[] {
  const lines = readFileSync(PAGE, 'utf8').split('\n');
  const symptom = lines.find((line) => line.startsWith(`- **\`${start}`)) ?? '';
  return [...symptom.matchAll(/`([^`]+)`/g)].map(([, message = '']) => message);
}

const title = `the group of the socket (${impediment ?? 'in namespaces'})`;

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
    machine.do(`systemd-sysusers xtokend.conf
      usermod --append --groups xtokend-socket prosody
      systemctl restart xtokend.socket xtokend.service`);
    expect(service.check().bad).toEqual([]);
  });
});
