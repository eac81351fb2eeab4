const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * @returns what is aborted at SIGTERM and SIGINT, so that requests that were read are answered before the end. The second of
 *   them ends the process at once.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit();
      controller.abort();
    });
  }
  return controller.signal;
}
