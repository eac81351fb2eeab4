/** What the keeper (bin/keeper.sh) tells the process that it starts on a terminal. */
export interface KeeperHandover {
  /** An instant after which all that comes was written, in milliseconds since boot. */
  readonly emptyAt: number;
  /** Whether the next bytes are the rest of a request whose beginning was thrown away. */
  readonly startsInRequest: boolean;
  readonly keeperPid: number;
  /** The process that started the keeper: the XMPP server. */
  readonly serverPid: number;
}

/** The descriptor on which answers go out: stdout leads nowhere, so that nothing else gets to the terminal. */
export const ANSWER_DESCRIPTOR = 3;

/** The environment variable in which it stands. */
export const KEEPER_VARIABLE = 'XTOKEND_KEEPER';

/** @returns `undefined` for a text that no keeper wrote */
export function parseKeeperHandover(text: string): KeeperHandover | undefined {
  const match = /^(\d+) (request|tail) (\d+) (\d+)$/.exec(text);
  if (match === null) return undefined;
  const [, hundredths, next, keeperPid, serverPid] = match;
  return {
    emptyAt: Number(hundredths) * 10,
    startsInRequest: next === 'tail',
    keeperPid: Number(keeperPid),
    serverPid: Number(serverPid),
  };
}
