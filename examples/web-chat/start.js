// Starts the demo: the web application, and Prosody with xtokend if Prosody is installed. Ctrl-C ends all of them.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createApp, USERS } from './app.js';
import { findProsody, Prosody } from './prosody.js';

const HOST = 'localhost';
const port = Number(process.env.PORT ?? 8080);
const chatPort = Number(process.env.CHAT_PORT ?? 8081);
// Browsers connect to Prosody directly. In production, set the address of the reverse proxy.
const websocketUrl = process.env.WEBSOCKET_URL ?? `ws://127.0.0.1:${chatPort}/xmpp-websocket`;
const directory = resolve(process.env.DATA_DIRECTORY ?? join(import.meta.dirname, 'data'));
const xtokend = dirname(fileURLToPath(import.meta.resolve('xtokend/package.json')));

const secrets = prepareSecrets();
const found = findProsody({ program: process.env.PROSODY, modules: process.env.PROSODY_MODULES });
const problem = found === undefined ? problemOf(process.env.PROSODY) : undefined;
const chat = { host: HOST, websocketUrl, problem, fastProblem: problem ?? found.fastProblem };

const server = createApp(chat, secrets).listen(port, '127.0.0.1');
await once(server, 'listening').catch(fail);
const prosody = found === undefined ? undefined : await startProsody().catch(fail);

console.log(`
Open http://127.0.0.1:${server.address().port}
  chat server   ${found === undefined ? problem : `Prosody ${found.version}, ${websocketUrl}`}
  data          ${directory}

Press ${found === undefined ? '' : 'Enter to restart Prosody, and '}Ctrl-C to end.
`);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, end);
process.stdin.on('data', async () => {
  // One restart at a time: two would start two Prosodys.
  process.stdin.pause();
  await prosody?.restart().then(
    () => console.log('Prosody restarted'),
    ({ message }) => console.error(message),
  );
  process.stdin.resume();
});

function problemOf(program) {
  const missing = program === undefined ? 'Prosody is not installed' : `There is no Prosody at ${program}`;
  return `${missing}. To install it: sudo apt install prosody. Then start the demo again.`;
}

async function startProsody() {
  const started = new Prosody(found, {
    host: HOST,
    port: chatPort,
    users: USERS,
    directory,
    plugins: join(xtokend, 'prosody'),
    xtokend: [join(xtokend, 'bin/xtokend'), '--config', join(directory, 'xtokend.toml')],
  });
  await started.start();
  return started;
}

function fail({ message, code }) {
  console.error(`The demo can't start: ${message}`);
  if (code === 'EADDRINUSE') {
    const command = process.env.npm_lifecycle_event === 'demo' ? 'npm run demo' : 'npm start';
    console.error(
      `Is the demo already running? To use other ports: PORT=8090 CHAT_PORT=8091 DATA_DIRECTORY=DIR ${command}`,
    );
  }
  process.exit(1);
}

async function end() {
  server.close();
  server.closeAllConnections();
  await prosody?.stop();
  process.exit(0);
}

/** Returns the secrets of the web application. Creates xtokend's at the first start; only their owner can read them. */
function prepareSecrets() {
  const configuration = join(directory, 'xtokend.toml');
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (!existsSync(configuration)) {
      execFileSync(join(xtokend, 'bin/xtokend'), ['init', '--config', configuration], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    }
  } catch (error) {
    fail(error);
  }
  const text = readFileSync(configuration, 'utf8');
  return {
    otpSeed: /^otp_seed = "(.*)"$/m.exec(text)[1],
    tokenSecret: /^token_secret = "(.*)"$/m.exec(text)[1],
    // A restart signs all users out.
    sessionKey: randomBytes(32).toString('base64url'),
  };
}
