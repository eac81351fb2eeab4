/** What a running xtokend is told by signals. */
export interface SignalHandlers {
  /** SIGHUP: the configuration may have changed. */
  readonly reload: () => void;
  /** SIGUSR1: somebody wants to know how it goes. */
  readonly summarize: () => void;
}

/** Does what signals ask for. */
export function handleSignals({ reload, summarize }: SignalHandlers): void {
  process.on('SIGHUP', reload);
  process.on('SIGUSR1', summarize);
}
