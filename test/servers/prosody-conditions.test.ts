import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Daemon } from '../support/daemon/daemon.js';
import { OTHER_SECRET, OTHER_SEED, SECRETS } from '../support/keys.js';
import { requirePackage } from '../support/run/requirements.js';
import { isInstalled, Prosody, releases } from '../support/servers/prosody.js';
import { login, type LoginResult } from '../support/servers/xmpp-login.js';
import { ACCEPTED, newUser, otherTokenOf, tokenOf } from './logins.js';

const NOT_AUTHORIZED = [
  'not-authorized',
  "Unable to authorize you with the authentication credentials you've sent.",
] as const;
const EXPIRED = ['credentials-expired', 'The token is too old or was used. Get a new one.'] as const;
const DISABLED = ['account-disabled', 'This account is disabled.'] as const;
const TEMPORARY = [
  'temporary-auth-failure',
  'Logins cannot be checked at the moment; try again later.',
] as const;

/** A cause of a failure, its reason in the logs, and what the client sees. */
interface Cause {
  readonly cause: string;
  readonly domain?: string;
  readonly user?: string;
  readonly passwordOf?: (jid: string) => string;
  readonly reason: string;
  readonly failure: readonly [condition: string, text: string];
  /** Whether the login is the second one with its token. */
  readonly isReplayed?: boolean;
}

const CAUSES: readonly Cause[] = [
  {
    cause: 'an expired token',
    passwordOf: (jid) => tokenOf(jid, new Date(Date.now() - 120_000)),
    reason: 'wrong-otp',
    failure: EXPIRED,
  },
  { cause: 'a token that was used', isReplayed: true, reason: 'replayed', failure: EXPIRED },
  { cause: 'a key that is not active', passwordOf: otherTokenOf, reason: 'inactive-key', failure: EXPIRED },
  { cause: 'a blocked user', user: 'mallory', reason: 'blocked-user', failure: DISABLED },
  { cause: 'a user who is not listed', domain: 'listed.example', reason: 'unlisted-user', failure: DISABLED },
  {
    cause: 'a password of a blocked user',
    user: 'mallory',
    passwordOf: () => 'some-password',
    reason: 'malformed-token',
    failure: NOT_AUTHORIZED,
  },
  {
    cause: 'a wrong signature',
    passwordOf: (jid) => tokenOf(`not-${jid}`),
    reason: 'wrong-signature',
    failure: NOT_AUTHORIZED,
  },
  {
    cause: 'a password',
    passwordOf: () => 'some-password',
    reason: 'malformed-token',
    failure: NOT_AUTHORIZED,
  },
  { cause: 'an unknown host', domain: 'unknown.example', reason: 'unknown-host', failure: TEMPORARY },
  {
    cause: 'an unusable replay cache',
    domain: 'unusable.example',
    reason: 'replay-cache-unavailable',
    failure: TEMPORARY,
  },
];

describe.each(releases)('$name tells why a login fails', (release) => {
  let daemon: Daemon;
  let unusable: Daemon;
  let prosody: Prosody;

  beforeAll(async () => {
    if (!isInstalled(release)) return undefined;
    const directory = mkdtempSync(join(tmpdir(), 'xtokend-conditions-'));
    const state = join(directory, 'state');
    mkdirSync(state, { mode: 0o700 });
    daemon = new Daemon(configurationIn(directory));
    unusable = new Daemon(`${SECRETS}\n[replay]\npath = "${state}/xtokend"`);
    await Promise.all([daemon.start(), unusable.start()]);
    // From now on, other users could replace the directory of its replay cache.
    chmodSync(state, 0o777);
    const hosts = [
      ['listed.example', daemon.socketPath],
      ['unknown.example', daemon.socketPath],
      ['unusable.example', unusable.socketPath],
      ['stopped.example', join(directory, 'none.sock')],
    ].map(
      ([name = '', path = '']) =>
        `VirtualHost "${name}" authentication = "xtoken" xtoken_socket = "${path}" xtoken_timeout = 1`,
    );
    prosody = await Prosody.start({ release, socketPath: daemon.socketPath, more: hosts.join('\n') });
    return async () => {
      await prosody.stop();
      await daemon.remove();
      await unusable.remove();
      rmSync(directory, { recursive: true });
    };
  });

  beforeEach((context) => {
    requirePackage(context, isInstalled(release), release.name);
  });

  describe.each(['TCP', 'WebSocket'] as const)('over %s', (transport) => {
    const logIn = (username: string, domain: string, password: string): Promise<LoginResult> =>
      login({ service: prosody.service(transport), domain, username, password, wantsText: true });

    /** Waits until a log has exactly one line about a login since an offset, and returns it. */
    const lineAbout = async (log: () => string, offset: number, text: string): Promise<string> => {
      const lines = (): string[] =>
        log()
          .slice(offset)
          .split('\n')
          .filter((line) => line.includes(text));
      await expect.poll(lines).toHaveLength(1);
      return lines()[0] ?? '';
    };

    it.each(CAUSES)('to the client and in both logs: $cause', async (cause) => {
      const { domain = 'example.com', user = newUser(), passwordOf = tokenOf, reason, failure } = cause;
      const jid = `${user}@${domain}`;
      const password = passwordOf(jid);
      const { log } = domain === 'unusable.example' ? unusable : daemon;
      const offset = prosody.log.length;
      if (cause.isReplayed === true) expect(await logIn(user, domain, password)).toEqual(ACCEPTED);
      const [condition, text] = failure;
      expect(await logIn(user, domain, password)).toEqual({ decision: 'refused', condition, text });
      const event = condition === 'temporary-auth-failure' ? 'could not check' : 'xtokend refused';
      expect(await lineAbout(() => prosody.log, offset, `the login of ${jid} `)).toMatch(
        new RegExp(
          `\tinfo\t${event} the login of ${jid} from 127.0.0.1: ${reason}; see the log of xtokend: journalctl -u xtokend$`,
        ),
      );
      const server = domain === 'unusable.example' ? unusable : daemon;
      const line = await lineAbout(() => server.log, log.length, `reason="${reason}" jid="${jid}"`);
      expect(line).toContain('client="127.0.0.1"');
      // Prosody considers WebSocket as encrypted here, because a proxy could terminate TLS.
      expect(line.includes('secured="no"')).toBe(transport === 'TCP');
      expect(prosody.log).not.toContain(password);
    });

    it('to the client and in its own log: xtokend is not running', async () => {
      const jid = `${newUser()}@stopped.example`;
      const [username = '', domain = ''] = jid.split('@');
      const offset = prosody.log.length;
      const [condition, text] = TEMPORARY;
      expect(await logIn(username, domain, tokenOf(jid))).toEqual({ decision: 'refused', condition, text });
      expect(await lineAbout(() => prosody.log, offset, `the login of ${jid} `)).toContain(
        `could not check the login of ${jid} from 127.0.0.1: no definite answer from xtokend; see the log`,
      );
    });
  });
});

/** Returns a configuration with a blocked user, a host that has a list of users, and a key that is not active yet. */
function configurationIn(directory: string): string {
  const [blocked, listed] = [join(directory, 'blocked'), join(directory, 'listed')];
  writeFileSync(blocked, 'mallory\n');
  writeFileSync(listed, 'alice\n');
  return `${SECRETS}
    blocked_users = "file:${blocked}"
    [hosts."example.com"]
    [hosts."listed.example"]
    users = "file:${listed}"
    restrict_auth = true
    [[keys]]
    id = "next"
    otp_seed = "${OTHER_SEED}"
    token_secret = "${OTHER_SECRET}"
    not_before = "2099-01-01T00:00:00Z"`;
}
