/** What the supervisor (bin/supervisor.sh) tells the process that it starts on a terminal. */
export interface SupervisorHandover {
  /** An instant after which all that comes was written, in milliseconds since boot. */
  readonly emptyAt: number;
  /** Whether the next bytes are the rest of a request whose beginning was thrown away. */
  readonly startsInRequest: boolean;
  readonly supervisorPid: number;
  /** The process that started the supervisor: the XMPP server. */
  readonly serverPid: number;
}

/** The descriptor on which answers go out: stdout leads nowhere, so that nothing else gets to the terminal. */
export const ANSWER_DESCRIPTOR = 3;

/** The environment variable in which it stands. */
export const SUPERVISOR_VARIABLE = 'XTOKEND_SUPERVISOR';

/** @returns `undefined` for a text that no supervisor wrote */
export function parseSupervisorHandover(text: string): SupervisorHandover | undefined {
  const match = /^(\d+) (request|tail) (\d+) (\d+)$/.exec(text);
  if (match === null) return undefined;
  const [, hundredths, next, supervisorPid, serverPid] = match;
  return {
    emptyAt: Number(hundredths) * 10,
    startsInRequest: next === 'tail',
    supervisorPid: Number(supervisorPid),
    serverPid: Number(serverPid),
  };
}
