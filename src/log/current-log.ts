import { isDeepStrictEqual } from 'node:util';
import type { LogSettings } from '../config/log.js';
import { openLog, type Fields, type Level, type Log } from './log.js';

/** The log of the current configuration. */
export class CurrentLog implements Log {
  /** Used until a configuration is applied, and while the configured log fails. */
  readonly #standard: Log;
  readonly #standardKind: 'stderr' | 'syslog';
  readonly #env: NodeJS.ProcessEnv;
  #settings: LogSettings | undefined;
  #log: Log;

  /** @param env the environment, for stderr */
  constructor(standardKind: 'stderr' | 'syslog', env: NodeJS.ProcessEnv) {
    this.#standardKind = standardKind;
    this.#env = env;
    this.#standard = openLog(this.#settingsOf(undefined), Date.now, env);
    this.#log = this.#standard;
  }

  /** Switches to the log of these settings. */
  configure(settings: LogSettings): void {
    const wanted = this.#settingsOf(settings);
    if (isDeepStrictEqual(wanted, this.#settings)) return;
    const previous = this.#log;
    this.#settings = wanted;
    this.#log = openLog(wanted, Date.now, this.#env, this.#standard);
    if (previous !== this.#standard) void previous.close();
  }

  write(level: Level, message: string, fields?: Fields): void {
    this.#log.write(level, message, fields);
  }

  async close(): Promise<void> {
    await Promise.all([this.#log.close(), this.#standard.close()]);
  }

  /** Replaces stderr under a supervisor: there it would be the terminal, whose output the chat server reads as answers. */
  #settingsOf(settings: LogSettings | undefined): LogSettings {
    const standard = { kind: this.#standardKind };
    if (settings === undefined)
      return { target: standard, format: 'plain', level: 'info', clientAddress: true };
    return settings.target.kind === 'stderr' ? { ...settings, target: standard } : settings;
  }
}
