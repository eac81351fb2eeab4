import type { ProtocolOption } from '../../protocol/detection.js';
import { runChecks, runDaemonChecks } from './checks.js';
import type { Finding } from './finding.js';
import { report } from './report.js';
import { checkRequest } from './request/request.js';
import { readSituation, type NamedFiles } from './situation.js';
import { withoutSecrets } from '../../system/known-secrets.js';
import { UsageError } from '../shared/usage-error.js';

/** The time of the build, in milliseconds since the Unix epoch; the build sets it. */
declare const XTOKEND_BUILT_AT: number;

/** The options of `xtokend check`. */
export interface CheckOptions extends NamedFiles {
  readonly json?: true;
  /** A request to send to a running daemon, instead of checking the machine. */
  readonly request?: string;
  readonly protocol: ProtocolOption;
  /** Whether systemd has started this process as the service. It then runs only the checks of the daemon. */
  readonly asService?: true;
}

const FIT = 0;
const UNFIT = 1;

/**
 * `xtokend check`: checks the configuration and the machine as the daemon sees them, and reports each problem with its fix.
 *
 * @returns the exit code
 */
export async function check(options: CheckOptions): Promise<number> {
  const { asService: isService = false } = options;
  const situation = await readSituation(options, process.env, Date.now(), XTOKEND_BUILT_AT, isService);
  if (options.request !== undefined) {
    if (options.json) throw new UsageError('--json is for the checks, not for --request');
    return checkRequest(options.request, options.protocol, situation);
  }
  const found = await (isService ? runDaemonChecks(situation) : runChecks(situation));
  const findings = found.map(findingWithoutSecrets);
  const isFit = !findings.some(({ level }) => level === 'problem');
  const text = options.json
    ? `${JSON.stringify({ fit: isFit, findings }, undefined, 2)}\n`
    : report(findings, { width: width(), hasColours: hasColours() });
  process.stdout.write(text);
  return isFit ? FIT : UNFIT;
}

function findingWithoutSecrets({ message, fix, ...finding }: Finding): Finding {
  const safe = { ...finding, message: withoutSecrets(message) };
  return fix === undefined ? safe : { ...safe, fix: withoutSecrets(fix) };
}

/** A file or a pipe gets each finding in one line, for grep(1), unless COLUMNS is set. */
function width(): number {
  const columns = process.stdout.isTTY ? process.stdout.columns : Number(process.env['COLUMNS']);
  return columns > 0 ? columns : Number.POSITIVE_INFINITY;
}

function hasColours(): boolean {
  return process.stdout.isTTY && process.stdout.hasColors();
}
