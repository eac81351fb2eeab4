import type { CredentialKey } from '../credential/key.js';
import type { ReplaySettings } from './replay.js';

/** Where log lines go. */
export type LogTarget =
  | { readonly kind: 'stderr' }
  | { readonly kind: 'syslog' }
  | { readonly kind: 'file'; readonly path: string };

/** A configuration that was found good. */
export interface Configuration {
  /** The file that it was read from. */
  readonly file: string;
  readonly keys: HostKeys;
  readonly replay: ReplaySettings;
  readonly logTarget: LogTarget;
  /** How long after a request it may still be answered on a terminal, in milliseconds. */
  readonly answerWithin: number;
  /** Every file that holds a secret: others should not be able to read it. */
  readonly secretFiles: readonly string[];
  /** Settings whose seed has under 32 characters (160 bits; RFC 4226, section 4, R6). */
  readonly shortSeeds: readonly string[];
}

/** Which hosts are served, and with which key. */
export interface HostKeys {
  /** The hosts that are listed, or `undefined` where every host is served. */
  readonly hosts: readonly string[] | undefined;
  /** @returns the key of a host (normalised), or `undefined` where it is not served */
  keyOf(host: string): CredentialKey | undefined;
}
