import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OTP_SEED, TOKEN_SECRET } from '../support/keys.js';
import { collectLog, collectLogsIn } from '../support/run/collected-logs.js';
import { accepts, freePort } from '../support/system/ports.js';
import { environment } from './languages.js';

/** A web framework with a snippet in docs/frameworks.md, and an application for it in test/examples/frameworks. */
export interface Framework {
  /** The heading of its section. */
  readonly name: string;
  /** Debian's packages. */
  readonly packages: string;
  /** A shell command that succeeds if the packages are installed. */
  readonly probe: string;
  /** The address that returns a token. */
  readonly endpoint: string;
}

const endpoint = '/xmpp-credentials';
const mintPhpProbe = 'php --ri intl && php --ri mbstring && ls /usr/share/php/ChristianRiesen/Otp';

/** Frameworks whose snippets are tested. */
export const frameworks: readonly Framework[] = [
  { name: 'Express', packages: '', probe: 'true', endpoint },
  {
    name: 'Django',
    packages: 'python3-django python3-pyotp',
    probe: "python3 -c 'import django, pyotp'",
    endpoint,
  },
  {
    name: 'Laravel',
    packages: 'php-laravel-framework php-sqlite3 php-intl php-mbstring php-christianriesen-otp',
    probe: `php --ri pdo_sqlite && ls /usr/share/php/Illuminate/Foundation && ${mintPhpProbe}`,
    endpoint,
  },
  {
    name: 'Rails',
    packages: 'ruby-railties ruby-actionpack ruby-rotp puma',
    probe: 'ruby -r action_controller/railtie -r rotp -e "" && command -v puma',
    endpoint,
  },
  {
    name: 'WordPress',
    packages:
      'wordpress php8.2-cgi mini-httpd mariadb-server-core php-intl php-mbstring php-christianriesen-otp',
    probe: `mariadbd --version && php --ri mysqli && ls /usr/share/wordpress && ${mintPhpProbe}`,
    endpoint: '/wp-admin/admin-ajax.php?action=xmpp_credentials',
  },
];

const START_MILLISECONDS = 120_000;
const STOP_MILLISECONDS = 10_000;

interface RequestOptions {
  readonly method?: 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: URLSearchParams;
}

/** A running web application with the snippet. */
export class Application {
  readonly #address: string;
  readonly #directory: string;
  readonly #process: ChildProcess;
  #output = '';

  private constructor(directory: string, port: number) {
    this.#address = `http://127.0.0.1:${port}`;
    this.#directory = directory;
    const { PATH, ...env } = environment(directory);
    this.#process = spawn('sh', ['serve'], {
      cwd: directory,
      detached: true,
      env: {
        ...env,
        PATH: `${PATH}:${dirname(process.execPath)}`,
        PORT: String(port),
        OTP_SEED,
        TOKEN_SECRET,
        WEB_CHAT: resolve('examples/web-chat'),
      },
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (data: Buffer) => {
        collectLog(data);
        this.#output += data.toString();
      });
    }
  }

  /** Starts the application, and returns when it accepts connections. */
  static async start({ name }: Framework, snippet: string): Promise<Application> {
    const directory = mkdtempSync(join(tmpdir(), 'xtokend-framework-'));
    cpSync('examples/mint', directory, { recursive: true });
    cpSync(`test/examples/frameworks/${name.toLowerCase()}`, directory, { recursive: true });
    writeFileSync(join(directory, 'snippet'), snippet);
    const port = await freePort();
    const application = new Application(directory, port);
    const latest = Date.now() + START_MILLISECONDS;
    while (!(await accepts({ port, host: '127.0.0.1' }))) {
      if (Date.now() > latest || application.#process.exitCode !== null) {
        await application.stop();
        throw new Error(`expected that the application with ${name} starts\n${application.#output}`);
      }
      await sleep(50);
    }
    return application;
  }

  /** Sends a request, as a browser would from a page of the same site. A header whose value is empty is left out. */
  request(path: string, { headers, ...options }: RequestOptions = {}): Promise<Response> {
    const all = Object.entries({ 'Sec-Fetch-Site': 'same-origin', ...headers });
    const sent = Object.fromEntries(all.filter(([, value]) => value !== ''));
    return fetch(this.#address + path, { redirect: 'manual', headers: sent, ...options });
  }

  /** Signs a user in. Returns the Cookie header of this user. */
  signIn(user: string): Promise<string> {
    return this.#post('/sign-in', { body: new URLSearchParams({ user }) });
  }

  /** Signs a user out. Returns the Cookie header that is left. */
  signOut(cookie: string): Promise<string> {
    return this.#post('/sign-out', { headers: { Cookie: cookie } });
  }

  /** Sends a form. Returns the cookies that the application sets. */
  async #post(path: string, options: RequestOptions): Promise<string> {
    const response = await this.request(path, { method: 'POST', ...options });
    if (response.status >= 400) throw new Error(`${path}: ${response.status}\n${this.#output}`);
    return cookiesOf(response);
  }

  async stop(): Promise<void> {
    const { pid } = this.#process;
    if (pid === undefined) return;
    const exit = this.#process.exitCode === null ? once(this.#process, 'exit') : undefined;
    this.#kill('SIGTERM');
    await Promise.race([exit, sleep(STOP_MILLISECONDS)]);
    this.#kill('SIGKILL');
    collectLogsIn(this.#directory);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Sends a signal to the server and to what it has started. */
  #kill(signal: NodeJS.Signals): void {
    const { pid = 0 } = this.#process;
    try {
      process.kill(-pid, signal);
    } catch {
      // All of them have ended.
    }
  }
}

/** Returns the cookies that a response sets, as a browser sends them. Deleted ones are empty or expired. */
function cookiesOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .filter((cookie) => !/expires=Thu, 01[ -]Jan[ -]1970|max-age=0/i.test(cookie))
    .map((cookie) => cookie.split(';', 1)[0])
    .join('; ');
}
