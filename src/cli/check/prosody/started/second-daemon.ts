import { describeListeners } from '../../../../system/socket-holders.js';
import { findings, type Finding } from '../../finding.js';
import { SERVICE, SOCKET } from '../../service/find-service.js';
import type { Situation } from '../../situation.js';
import { askDaemon } from '../../sockets/ask.js';
import { findUsualSockets } from '../../sockets/socket-paths.js';
import { connectionOf } from './started-daemon.js';

const { note, warning } = findings('prosody');

/**
 * Reports another xtokend that no host of Prosody asks, because Prosody starts its own. Each has a replay cache of its own, so a token
 * that both are asked about is accepted twice.
 *
 * @param sockets where a daemon can listen that Prosody does not start
 */
export async function checkSecondDaemon(
  situation: Situation,
  sockets: readonly string[] = findUsualSockets().map(({ path }) => path),
): Promise<Finding[]> {
  const { started, prosody, isServiceUsed, configuration } = situation;
  const usesSocket = prosody.configuration?.hosts.some(
    (host) => host.authentication === 'xtoken' && connectionOf(host).kind !== 'command',
  );
  if (started === undefined || usesSocket === true) return [];
  const others = sockets.filter((path) => path !== started.socket);
  const results = await Promise.all(
    others.map(async (path) => ((await askDaemon(path, situation)).kind === 'answered' ? [path] : [])),
  );
  const [listening] = results.flat();
  if (listening === undefined && !isServiceUsed) return [];
  const daemon = describeListeners(listening ?? '');
  const who = isServiceUsed
    ? `${SERVICE} is enabled or runs`
    : `${daemon.who ?? 'an xtokend'} listens on ${listening ?? ''}`;
  const stop = isServiceUsed ? `systemctl disable --now ${SOCKET} ${SERVICE}` : daemon.stop;
  const path = listening ?? '/run/xtokend/xtokend.sock';
  const fix = `${stop}; or xtoken_socket = "${path}" for all hosts, so that only that one runs`;
  const message = `${who}, but Prosody starts an xtokend of its own for every host`;
  if (configuration?.replay.kind === 'redis')
    return [note('prosody-second-daemon', `${message}; they share the replay cache in Redis`)];
  const danger = 'each has its own replay cache, so both accept the same token once';
  return [warning('prosody-second-daemon', `${message}: ${danger}`, fix)];
}
