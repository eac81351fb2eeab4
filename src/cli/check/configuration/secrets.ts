import type { Finding } from '../finding.js';
import type { Situation } from '../situation.js';

/** Says what the secrets look like, where that is not what they should look like. */
export function checkSecrets({ configuration }: Situation): Finding[] {
  return (configuration?.advice ?? []).map(({ code, where, message, fix }) => ({
    level: 'warning',
    code,
    subject: 'secrets',
    message: `${where}: ${message}`,
    fix,
  }));
}
