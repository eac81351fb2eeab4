import type { NamedKey } from '../credential/key.js';
import type { Advice } from './keys/advice.js';
import type { LogSettings } from './log.js';
import type { MetricsAddress } from './metrics.js';
import type { ReplaySettings } from './replay.js';
import type { UserSettings } from './users.js';

/** A configuration that was found good. */
export interface Configuration {
  /** The file that it was read from. */
  readonly file: string;
  readonly hosts: Hosts;
  readonly replay: ReplaySettings;
  readonly log: LogSettings;
  /** Where serving metrics, or `undefined` where they are not wanted. */
  readonly metrics: MetricsAddress | undefined;
  /** How long after a request it may still be answered on a terminal, in milliseconds. */
  readonly answerWithin: number;
  /** Every file that holds a secret: others should not be able to read it. */
  readonly secretFiles: readonly string[];
  /** Every file that decides who gets in: this one, those with secrets and certificates, and lists of users. */
  readonly files: readonly string[];
  /** What is good enough to run with, but could be better. */
  readonly advice: readonly Advice[];
}

/** Which hosts are served, and how. */
export interface Hosts {
  /** The hosts that are served (normalised), or `undefined` where every host is. */
  readonly names: readonly string[] | undefined;
  /** All keys, each once. */
  readonly keys: readonly NamedKey[];
  /** The settings of all hosts. */
  readonly all: readonly HostSettings[];
  /** @returns the settings of a host (normalised), or `undefined` where it is not served */
  of(host: string): HostSettings | undefined;
}

/** How one host is served. */
export interface HostSettings {
  /** At least one: a token must be made with one of them. */
  readonly keys: readonly NamedKey[];
  readonly users: UserSettings;
}
