import { ConfigurationError } from '../../../config/errors.js';
import type { Finding } from '../finding.js';
import type { Situation } from '../situation.js';

const STOCK_MODULE_PATIENCE_MILLISECONDS = 5000;

/** Says what is wrong with the configuration, all of it, or which hosts it serves. */
export function checkConfiguration({ configuration, fault, file }: Situation): Finding[] {
  if (configuration === undefined) return fault === undefined ? [] : explain(fault, file);
  const hosts = configuration.hosts.names?.join(', ') ?? 'every host';
  const message = `${configuration.file} is good; it serves ${hosts}`;
  const good: Finding = { level: 'ok', code: 'configuration-ok', subject: 'configuration', message };
  return configuration.answerWithin < STOCK_MODULE_PATIENCE_MILLISECONDS ? [good] : [good, late];
}

function explain(fault: NonNullable<Situation['fault']>, file: string): Finding[] {
  const problem = { level: 'problem', subject: 'configuration' } as const;
  if (!(fault instanceof ConfigurationError)) {
    const [message = '', ...more] = fault.message.split('\n').map((line) => line.trim());
    return [{ ...problem, code: 'configuration-unreadable', message, fix: more.join('\n') }];
  }
  return fault.problems.map(({ where, message }) => ({
    ...problem,
    code: 'configuration-invalid',
    message: `${file}: ${where}: ${message}`,
  }));
}

const late: Finding = {
  level: 'warning',
  code: 'answer-late',
  subject: 'configuration',
  message: "answer_within is not below the 5 s for which Prosody's stock module waits",
  fix: 'set it lower, or external_auth_timeout in Prosody a second higher',
};
