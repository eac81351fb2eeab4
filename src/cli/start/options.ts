import { Option } from 'commander';
import { protocols } from '../../protocol/detection.js';

/** Where Debian has it. */
const PROSODY_FILE = '/etc/prosody/prosody.cfg.lua';

/** Returns the option that names the configuration. */
export function configOption(): Option {
  return new Option('--config <file>', '(default: $XTOKEND_CONFIG, or /etc/xtokend/xtokend.toml)');
}

/** Returns the option that names a protocol. */
export function protocolOption(): Option {
  return new Option('--protocol <protocol>', 'the protocol of the requests; auto detects it')
    .choices(Object.keys(protocols))
    .default('auto');
}

/** Returns the option that names a time. */
export function atOption(): Option {
  return new Option('--at <time>', 'ISO 8601 or Unix seconds (default: now)');
}

/**
 * Returns the option that names the configuration of a Prosody whose module may start a daemon.
 *
 * @param condition what its description begins with
 */
export function prosodyOption(condition = ''): Option {
  const description = `${condition}configuration of Prosody, which may start xtokend`;
  return new Option('--prosody <file>', description).default(PROSODY_FILE);
}
