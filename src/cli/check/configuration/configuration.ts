import { ConfigurationError } from '../../../config/errors.js';
import { findings, type Finding } from '../finding.js';
import type { Situation } from '../situation.js';

const { ok, warning, problem } = findings('configuration');
const secrets = findings('secrets');

const STOCK_MODULE_TIMEOUT_MILLISECONDS = 5000;

/** Lists all faults of the configuration, or the hosts that it serves. */
export function checkConfiguration({ configuration, fault, file }: Situation): Finding[] {
  if (configuration === undefined) return fault === undefined ? [] : explain(fault, file);
  const hosts = configuration.hosts.names?.join(', ') ?? 'every host';
  const valid = ok('configuration-ok', `${configuration.file} is valid; it serves ${hosts}`);
  return configuration.answerWithin < STOCK_MODULE_TIMEOUT_MILLISECONDS ? [valid] : [valid, late];
}

function explain(fault: NonNullable<Situation['fault']>, file: string): Finding[] {
  if (fault instanceof ConfigurationError) {
    return fault.problems.map(({ where, message }) =>
      problem('configuration-invalid', `${file}: ${where}: ${message}`),
    );
  }
  const [message = '', ...more] = fault.message.split('\n').map((line) => line.trim());
  return [problem('configuration-unreadable', message, more.join('\n'))];
}

const late = warning(
  'answer-late',
  "answer_within is not below the 5 s that Prosody's stock module waits for an answer",
  'lower answer_within, or set external_auth_timeout of Prosody one second above it',
);

/** Reports secrets that are valid, but not as they should be. */
export function checkSecrets({ configuration }: Situation): Finding[] {
  return (configuration?.advice ?? []).map(({ code, where, message, fix }) =>
    secrets.warning(code, `${where}: ${message}`, fix),
  );
}
