import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SECRETS } from '../support/keys.js';
import { ServiceMachine, UNITS } from './service-machine.js';
import { SystemdMachine, TIMEOUT_MILLISECONDS } from './systemd-machine.js';

const DIRECTORY = '/etc/systemd/system';
const SERVICE = `${DIRECTORY}/xtokend.service`;
const SOCKET = `${DIRECTORY}/xtokend.socket`;
const impediment = SystemdMachine.impediment();

let service: ServiceMachine;

/** Runs a shell script on the machine. */
function run(script: string): string {
  return service.machine.do(`${script}\nsystemctl daemon-reload`);
}

function differing(): string[] {
  return service.check().of('service-unit-differs');
}

const title = `xtokend check, of installed units (${impediment ?? 'in namespaces'})`;

describe.skipIf(impediment !== undefined)(title, { timeout: TIMEOUT_MILLISECONDS }, () => {
  beforeAll(async () => {
    service = await ServiceMachine.boot(SECRETS);
  }, TIMEOUT_MILLISECONDS);

  afterAll(async () => {
    await (service as ServiceMachine | undefined)?.machine.stop();
  });

  it('reports units that are not those of this package, with fixes that work', () => {
    expect(differing()).toEqual([]);
    run(`sed -i '/^MemoryMax=/d; s|=xtokend serve$|=/usr/local/bin/xtokend serve|' ${SERVICE}
      sed -i 's/^SocketMode=.*/SocketMode=0600/; /^FileDescriptorName=/d' ${SOCKET}`);
    const found = differing();
    expect(found).toEqual([
      expect.stringContaining(`warning service-unit-differs: ${SERVICE} is not the unit of this xtokend: `),
      expect.stringContaining(': it has SocketMode=0600 instead of SocketMode=0660; move settings of '),
    ]);
    expect(found[0]).toContain(': it lacks MemoryMax=1G; ');
    for (const text of found) run(text.split('then: ')[1] ?? '');
    expect(service.check().bad).toEqual([]);
    expect(differing()).toEqual([]);
  });

  it('only notes a setting that the package does not have', () => {
    run(`echo '[Service]\nNice=1' >>${SERVICE}`);
    expect(differing()).toEqual([expect.stringMatching(/^note .*: it also has Nice=; move /)]);
    expect(service.check().bad).toEqual([]);
    run(`cp ${UNITS}/xtokend.service ${SERVICE}`);
  });

  it('does not compare the units of another installation', () => {
    run(
      `cp -R /usr/local/lib/node_modules/xtokend /srv; chmod -R a+rX /srv; sed -i '/^MemoryMax=/d' ${SERVICE}`,
    );
    expect(differing()).toHaveLength(1);
    service.dropIn('z-other', 'ExecStart=\nExecStart=/srv/xtokend/bin/xtokend serve');
    service.restart();
    expect(differing()).toEqual([]);
    service.dropIn('z-other', '');
  });

  it('does not compare the units of a distribution', () => {
    expect(differing()).toHaveLength(1);
    run(`mkdir -p /run/overlay/upper /run/overlay/work; cd /usr/lib/systemd/system
      mount -t overlay -o lowerdir=.,upperdir=/run/overlay/upper,workdir=/run/overlay/work overlay .
      mv ${SERVICE} ${SOCKET} /usr/lib/systemd/system`);
    service.restart();
    expect(service.machine.do('systemctl show xtokend -P FragmentPath')).toMatch(/^\/(?:usr\/)?lib\//);
    expect(differing()).toEqual([]);
  });

  it('names what replaces the files of the Debian package, with fixes that work', () => {
    // As the package installs them; its units are in place since the test above.
    run(`mkdir -p /run/share/upper /run/share/work; cd /usr/share
      mount -t overlay -o lowerdir=.,upperdir=/run/share/upper,workdir=/run/share/work overlay .
      mkdir -p /usr/share/xtokend/bin; cp /usr/local/lib/node_modules/xtokend/package.json /usr/share/xtokend
      cp /usr/local/bin/xtokend /usr/share/xtokend/bin
      for directory in /usr/lib/systemd/system ${DIRECTORY}; do cp ${UNITS}/xtokend.service $directory; done`);
    const { of, fix } = service.check();
    const [shadow, ...more] = of('service-unit-shadows');
    expect(shadow).toContain(
      `${SERVICE} replaces /usr/lib/systemd/system/xtokend.service of the Debian package`,
    );
    expect(shadow).toContain('(equal today); rm ');
    expect(more).toEqual([]);
    expect(fix('program-shadows')).toBe('npm uninstall --global --prefix /usr/local xtokend');
    run(fix('service-unit-shadows'));
    expect(service.check().of('service-unit-shadows')).toEqual([]);
    expect(service.machine.do('systemctl show xtokend -P FragmentPath')).toMatch(/^\/(?:usr\/)?lib\//);
  });
});
