import { messageOf } from '../../errors.js';

/** When app passwords were used last, for all processes that use the store. */
export interface LastUses {
  /**
   * Records that an app password was used.
   *
   * @param id its identifier
   * @param at milliseconds since the Unix epoch
   * @throws if the store can't be used
   */
  record(id: string, at: number): Promise<void>;
  /**
   * Reads when each one was used last, in milliseconds since the Unix epoch, by identifier. Can have removed app passwords as well.
   *
   * @throws if the store can't be used
   */
  read(): Promise<ReadonlyMap<string, number>>;
  close(): Promise<void>;
}

const ID = /^[0-9a-f]{32}$/;
/** The last instant of a `Date`. */
const MAX_TIME = 8.64e15;
const RECORDED_EVERY_MILLISECONDS = 3_600_000;

/** Returns whether a stored text can be the identifier of an app password. */
export function isUseId(text: string): boolean {
  return ID.test(text);
}

/** Parses a stored instant. Returns `undefined` if it is none. */
export function parseUseTime(text: string): number | undefined {
  const time = /^\d{1,16}\n?$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  return time <= MAX_TIME ? time : undefined;
}

/** Options of {@link createUseRecorder}. */
export interface UseRecorderOptions {
  readonly record: LastUses['record'];
  /** Returns milliseconds since the Unix epoch. */
  readonly clock: () => number;
  /** Called once for each reason why uses can't be recorded. */
  readonly onWarning: (message: string) => void;
}

/**
 * Returns a function that records the use of an app password, at most once an hour for each. It never throws, and returns before that
 * is stored.
 */
export function createUseRecorder({ record, clock, onWarning }: UseRecorderOptions): (id: string) => void {
  const recorded = new Map<string, number>();
  let fault: string | undefined;
  const store = async (id: string, at: number): Promise<void> => {
    try {
      await record(id, at);
      fault = undefined;
    } catch (error) {
      // The next use tries again.
      recorded.delete(id);
      const message = `the last use of an app password was not recorded: ${messageOf(error)}`;
      if (message !== fault) onWarning(message);
      fault = message;
    }
  };
  return (id) => {
    const now = clock();
    const before = recorded.get(id);
    // A clock that was set back must not stop the recording.
    if (before !== undefined && now >= before && now < before + RECORDED_EVERY_MILLISECONDS) return;
    recorded.set(id, now);
    void store(id, now);
  };
}
