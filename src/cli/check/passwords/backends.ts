import type { BackendSettings } from '../../../passwords/settings.js';
import type { Situation } from '../situation.js';

/** A back end, and what to try it with. */
export interface ConfiguredBackend<Settings extends BackendSettings = BackendSettings> {
  readonly settings: Settings;
  /** A host that uses it. */
  readonly host: string;
  /** How long a check with it may take, in milliseconds. */
  readonly timeout: number;
  /** Whether it also decides who is a user (`users = "passwords"`). */
  readonly decidesUsers: boolean;
}

/** A made-up host, for a configuration that has no names of hosts. */
const ANY_HOST = 'localhost';

/** Lists the back ends of all tables, each with the same settings once. */
export function backendsOf({ configuration, chatServers }: Situation): ConfiguredBackend[] {
  if (configuration === undefined) return [];
  const { hosts } = configuration;
  const names = hosts.names ?? chatServers.flatMap(({ asking }) => asking);
  const found = hosts.all.flatMap(({ passwords, users }): ConfiguredBackend[] => {
    if (passwords === undefined) return [];
    const host = names.find((name) => hosts.of(name)?.passwords === passwords) ?? ANY_HOST;
    const decidesUsers = users.users === 'passwords';
    const { timeout } = passwords;
    return passwords.backends.map((settings) => ({ settings, host, timeout, decidesUsers }));
  });
  const keyOf = ({ settings, timeout, decidesUsers }: ConfiguredBackend): string =>
    JSON.stringify([settings, timeout, decidesUsers]);
  return [...new Map(found.reverse().map((backend) => [keyOf(backend), backend])).values()].reverse();
}
