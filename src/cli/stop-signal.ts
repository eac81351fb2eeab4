/** @returns what is aborted at SIGTERM and SIGINT, so that requests that were read are answered before the end */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      controller.abort();
    });
  }
  return controller.signal;
}
