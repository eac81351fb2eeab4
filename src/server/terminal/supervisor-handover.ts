/** What the supervisor (bin/supervisor.sh) hands to the process that it starts on a terminal. */
export interface SupervisorHandover {
  /** An instant at which the input was drained: everything in it was sent later. In milliseconds since boot. */
  readonly drainedAt: number;
  /** Whether the next bytes are the rest of a request whose first bytes were discarded. */
  readonly startsInRequest: boolean;
  readonly supervisorPid: number;
  /** The process that started the supervisor: the XMPP server. */
  readonly serverPid: number;
}

/** The descriptor for answers. Stdout leads nowhere, so that nothing else reaches the terminal. */
export const ANSWER_DESCRIPTOR = 3;

/** The environment variable that holds the handover. */
export const SUPERVISOR_VARIABLE = 'XTOKEND_SUPERVISOR';

/** Parses a handover. @returns `undefined` for a text that no supervisor wrote */
export function parseSupervisorHandover(text: string): SupervisorHandover | undefined {
  const match = /^(\d+) (request|tail) (\d+) (\d+)$/.exec(text);
  if (match === null) return undefined;
  const [, hundredths, next, supervisorPid, serverPid] = match;
  return {
    drainedAt: Number(hundredths) * 10,
    startsInRequest: next === 'tail',
    supervisorPid: Number(supervisorPid),
    serverPid: Number(serverPid),
  };
}
