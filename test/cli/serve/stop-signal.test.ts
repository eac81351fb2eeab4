import { afterEach, expect, it, vi } from 'vitest';
import { stopSignal } from '../../../src/cli/serve/signals.js';

afterEach(() => {
  vi.restoreAllMocks();
  process.removeAllListeners('SIGTERM').removeAllListeners('SIGINT');
});

it.each(['SIGTERM', 'SIGINT'] as const)(
  'the first %s lets requests be answered, the second ends at once',
  (signal) => {
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
    const stop = stopSignal();
    expect(stop.aborted).toBe(false);
    process.emit(signal);
    expect(stop.aborted).toBe(true);
    expect(exit).not.toHaveBeenCalled();
    process.emit('SIGTERM');
    expect(exit).toHaveBeenCalledOnce();
  },
);
