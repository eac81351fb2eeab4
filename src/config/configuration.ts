import type { NamedKey } from '../credential/key.js';
import type { Advice } from './keys/advice.js';
import type { LogSettings } from './log.js';
import type { MetricsAddress } from './metrics.js';
import type { PasswordSettings } from '../passwords/settings.js';
import type { ReplaySettings } from '../replay/registry.js';
import type { UserSettings } from './users.js';

/** A valid configuration. */
export interface Configuration {
  /** The path of its file. */
  readonly file: string;
  readonly hosts: Hosts;
  readonly replay: ReplaySettings;
  readonly log: LogSettings;
  /** Where metrics are served, or `undefined` if they are not. */
  readonly metrics: MetricsAddress | undefined;
  /** The reply deadline of a request, in milliseconds. */
  readonly answerWithin: number;
  /** Every file with a secret: other users should not be able to read them. */
  readonly secretFiles: readonly string[];
  /** Every file that decides who can log in: this one, secrets, certificates, lists of users and app passwords. */
  readonly files: readonly string[];
  /** The files of app passwords, each once; each may be missing. */
  readonly appPasswordFiles: readonly string[];
  /** The programs that check passwords, each once. */
  readonly programs: readonly string[];
  /** Valid secrets that could be better. */
  readonly advice: readonly Advice[];
}

/** The hosts that are served, with their settings. */
export interface Hosts {
  /** The served hosts (normalized), or `undefined` if every host is served. */
  readonly names: readonly string[] | undefined;
  /** All keys, each once. */
  readonly keys: readonly NamedKey[];
  /** All tables of passwords, each once. */
  readonly passwords: readonly PasswordSettings[];
  /** The settings of all hosts. */
  readonly all: readonly HostSettings[];
  /** Returns the settings of a host (normalized), or `undefined` if it is not served. */
  of(host: string): HostSettings | undefined;
}

/** The settings of a host. */
export interface HostSettings {
  /** The keys that a token can be made with, at least one. */
  readonly keys: readonly NamedKey[];
  readonly users: UserSettings;
  /** How passwords are checked, or `undefined` if only tokens are accepted. */
  readonly passwords?: PasswordSettings | undefined;
}
