// A chat client that logs in with a token once, and then with a FAST token (XEP-0484) for weeks.
const { client, xml } = globalThis.XMPP;

const FIRST_DELAY_MILLISECONDS = 1000;
const LONGEST_DELAY_MILLISECONDS = 30_000;
const REVOKE_MILLISECONDS = 3000;

/**
 * Returns an xmpp.js client that stays connected once it is started.
 *
 * @param session of the web application: `user`, `jid`, `host`, `websocketUrl`
 * @param onStep receives a sentence for each step of a login
 * @param store for the FAST token
 */
export function createClient(session, onStep = () => undefined, store = fastStore(session.user)) {
  const { user, jid, host, websocketUrl } = session;
  const xmpp = client({
    service: websocketUrl,
    domain: host,
    username: user, // without it, Prosody doesn't offer FAST
    credentials: async (authenticate, mechanisms, fast) => {
      const credentials = { username: user, token: await fast?.fetch() };
      // xmpp.js calls this if there is no valid FAST token, or if the server refuses it. Then it sends the password.
      xmpp.fast.deleteToken = async () => {
        store.delete();
        credentials.password = await fetchToken(jid, onStep);
      };
      if (!fast) await xmpp.fast.deleteToken();
      else if (credentials.token) onStep('Logging in with the FAST token.');
      await authenticate(credentials, 'PLAIN', xml('user-agent', { id: store.deviceId() }));
    },
  });
  const { auth } = xmpp.fast;
  // If the login with a valid FAST token fails, xmpp.js would send a password. Without one, let the login end here.
  xmpp.fast.auth = async (options) => (await auth(options)) || options.credentials.password === undefined;
  // Without these, the FAST token is lost when the page is reloaded.
  xmpp.fast.fetchToken = async () => store.read();
  xmpp.fast.saveToken = async (token) => {
    store.write(token);
    onStep(`Received a FAST token, which expires on ${token.expiry.slice(0, 10)}.`);
  };
  keepConnecting(xmpp, onStep);
  return xmpp;
}

/** Lets a client connect again after each failure, less and less often. */
function keepConnecting(xmpp, onStep) {
  xmpp.on('online', () => (xmpp.reconnect.delay = FIRST_DELAY_MILLISECONDS));
  xmpp.on('error', (error) => {
    onStep(`Failed: ${error.condition ?? error.message}.`);
    xmpp.reconnect.delay = Math.min(2 * xmpp.reconnect.delay, LONGEST_DELAY_MILLISECONDS);
    if (error.condition === 'account-disabled') xmpp.reconnect.stop();
    // After a failed login, the connection stays open, and xmpp.js would wait.
    if (error.code !== 'ECONNERROR') xmpp.disconnect();
  });
}

/** Fetches a token for one login from the web application. */
async function fetchToken(jid, onStep) {
  onStep('Fetching a token from the web application.');
  const response = await fetch('/xmpp-credentials');
  const credentials = response.ok ? await response.json() : {};
  // The user has signed out in another window. Somebody else can have signed in there.
  if (response.status === 401 || (response.ok && credentials.jid !== jid)) location.assign('/');
  if (credentials.jid !== jid) throw new Error('the web application returned no token');
  return credentials.password;
}

/** Revokes the user's FAST token on the server, so that no copy of it works. Does nothing if there is none. */
export async function revokeFastToken(session) {
  const store = fastStore(session.user);
  const [token, id] = [store.read(), store.deviceId()];
  store.delete();
  if (token === null) return;
  const timeout = new Promise((resolve) => setTimeout(resolve, REVOKE_MILLISECONDS));
  const copy = { read: () => token, write: () => undefined, delete: () => undefined, deviceId: () => id };
  await Promise.race([revoke(session, copy), timeout]);
}

async function revoke(session, store) {
  const xmpp = createClient(session, undefined, store);
  xmpp.reconnect.stop();
  let invalidate = false;
  const { send } = xmpp;
  xmpp.send = (element) => {
    const fast = element.getChild('fast');
    if (fast !== undefined && invalidate) fast.attrs.invalidate = 'true';
    // The FAST token is void already. Another way to log in would make a new one.
    if (fast === undefined && element.name === 'authenticate') throw new Error('the FAST token is void');
    return send.call(xmpp, element);
  };
  // Prosody accepts the FAST token before this one as well, until this one is used. So use it, and then revoke it.
  for (invalidate of [false, true]) {
    await xmpp.start();
    await xmpp.stop();
  }
}

/** Returns the storage for the FAST token of a user in this browser. Any script of this site can read it: see the README. */
function fastStore(user) {
  const [tokenKey, deviceKey] = [`fast-token:${user}`, `device:${user}`];
  return {
    read: () => JSON.parse(localStorage.getItem(tokenKey)),
    write: (token) => localStorage.setItem(tokenKey, JSON.stringify(token)),
    delete: () => localStorage.removeItem(tokenKey),
    /** Returns the name of this browser for the server, which gives each device its own FAST token. */
    deviceId() {
      const id = localStorage.getItem(deviceKey) ?? crypto.randomUUID();
      localStorage.setItem(deviceKey, id);
      return id;
    },
  };
}
