import { expect } from 'vitest';
import type { Finding } from '../../src/cli/check/finding.js';
import { SystemdMachine } from './systemd-machine.js';

/** The directory of the package's units. */
export const UNITS = '/usr/local/lib/node_modules/xtokend/systemd';
const DROP_INS = '/etc/systemd/system/xtokend.service.d';

/** The path of the service's configuration file. */
export const FILE = '/etc/xtokend/xtokend.toml';
/** Settings for a user that exists independently of the service. */
export const STATIC = 'DynamicUser=no\nUser=xtokend\nLoadCredential=';
/** Settings for a user that systemd allocates, with the secrets as credentials. */
export const DYNAMIC = `DynamicUser=yes\nUser=other\nLoadCredential=\nLoadCredential=otp_seed:/etc/xtokend/otp_seed\nLoadCredential=token_secret:/etc/xtokend/token_secret`;

/** The result of `xtokend check`, run by root. */
export interface CheckedService {
  /** The problems and warnings. */
  readonly bad: readonly string[];
  readonly of: (code: string) => string[];
  /** Returns the fix of the first finding with a code. */
  readonly fix: (code: string) => string;
}

/** The service on a machine of its own, installed by hand. */
export class ServiceMachine {
  readonly machine: SystemdMachine;

  private constructor(machine: SystemdMachine) {
    this.machine = machine;
  }

  /** Boots a machine with the units and a user for the service. */
  static async boot(configuration: string): Promise<ServiceMachine> {
    const service = new ServiceMachine(await SystemdMachine.boot());
    service.machine.do(`install -D -m 644 ${UNITS}/sysusers.conf /etc/sysusers.d/xtokend.conf
      systemd-sysusers xtokend.conf
      usermod --append --groups xtokend-socket prosody
      mkdir -p /etc/xtokend ${DROP_INS}
      cp ${UNITS}/xtokend.socket ${UNITS}/xtokend.service /etc/systemd/system`);
    service.dropIn('user', STATIC);
    service.configure(configuration);
    service.machine.do('systemctl enable --now --quiet xtokend.socket xtokend.service');
    return service;
  }

  /** Reverts everything that a test changed. */
  reset(configuration: string): void {
    this.machine.do(`find ${DROP_INS} -type f -delete; rm -rf /srv/xtokend`);
    this.dropIn('user', STATIC);
    this.configure(configuration);
    this.restart();
  }

  /** Writes the configuration file, readable by root and the service only. */
  configure(text: string): void {
    this.machine.do(`cat >${FILE} <<'END'\n${text}END
      chown root:xtokend ${FILE}; chmod 640 ${FILE}; chmod 755 /etc/xtokend`);
  }

  /** Writes a drop-in. @param name the last one in alphabetical order wins */
  dropIn(name: string, text: string): void {
    this.machine.do(
      `cat >${DROP_INS}/${name}.conf <<'END'\n[Service]\n${text}\nEND\nsystemctl daemon-reload`,
    );
  }

  /** Installs a drop-in of the package. */
  install(name: string): void {
    this.machine.do(`install -m 644 ${UNITS}/drop-ins/${name} ${DROP_INS}; systemctl daemon-reload`);
  }

  restart(): void {
    // Not restart: systemd can report the failure of an attempt that had begun before, with the previous configuration.
    this.machine.do('systemctl stop xtokend; systemctl reset-failed; systemctl start xtokend');
  }

  check(): CheckedService {
    const { stdout, stderr } = this.machine.run('xtokend check --json || [ $? = 1 ]');
    expect(stderr).toBe('');
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    const show = ({ level, code, message, fix = '' }: Finding): string =>
      `${level} ${code}: ${message}; ${fix}`;
    const having = (code: string): Finding[] => findings.filter((finding) => finding.code === code);
    return {
      bad: findings.filter(({ level }) => level === 'problem' || level === 'warning').map(show),
      of: (code) => having(code).map(show),
      fix: (code) => having(code)[0]?.fix ?? '',
    };
  }
}
