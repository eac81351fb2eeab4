import { isDeepStrictEqual } from 'node:util';
import type { LogSettings } from '../config/log.js';
import { openLog, type Fields, type Level, type Log } from './log.js';

/** The log that the configuration of the moment asks for. */
export class CurrentLog implements Log {
  /** Where lines go as long as no configuration says otherwise, and word of a log that cannot be written. */
  readonly #standard: Log;
  readonly #standardKind: 'stderr' | 'syslog';
  #settings: LogSettings | undefined;
  #log: Log;

  constructor(standardKind: 'stderr' | 'syslog') {
    this.#standardKind = standardKind;
    this.#standard = openLog(this.#settingsOf(undefined), Date.now);
    this.#log = this.#standard;
  }

  /** Writes by other settings from now on. */
  configure(settings: LogSettings): void {
    const wanted = this.#settingsOf(settings);
    if (isDeepStrictEqual(wanted, this.#settings)) return;
    const before = this.#log;
    this.#settings = wanted;
    this.#log = openLog(wanted, Date.now, this.#standard);
    if (before !== this.#standard) void before.close();
  }

  write(level: Level, message: string, fields?: Fields): void {
    this.#log.write(level, message, fields);
  }

  async close(): Promise<void> {
    await Promise.all([this.#log.close(), this.#standard.close()]);
  }

  /** Under a supervisor stderr leads nowhere: it would be the terminal, and what stands there is an answer. */
  #settingsOf(settings: LogSettings | undefined): LogSettings {
    const { target = { kind: 'stderr' as const }, format = 'plain', level = 'info' } = settings ?? {};
    return { target: target.kind === 'stderr' ? { kind: this.#standardKind } : target, format, level };
  }
}
