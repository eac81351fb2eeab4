import { spawnSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { temporaryDirectory } from '../support/directory.js';

/** A language with an example in examples/mint. */
export interface Language {
  readonly name: string;
  /** Debian's packages. */
  readonly packages: string;
  /** A shell command that succeeds if the packages are installed. */
  readonly probe: string;
  /** A shell command that compiles the example in a directory with a copy of examples/mint. */
  readonly build?: string;
  /** The program and its arguments, to which the JID is added. */
  readonly run: readonly string[];
  /** Lua has no tables of Unicode, so it needs a name in the form of the server. */
  readonly normalizesUnicode: boolean;
  /** Whether `npm test` runs the example, too. */
  readonly isSmall: boolean;
}

const small = { normalizesUnicode: true, isSmall: true };
const compiled = { normalizesUnicode: true, isSmall: false };

/** Languages whose examples `npm test` and `npm run test:examples` run. */
export const languages: readonly Language[] = [
  { name: 'JavaScript', packages: '', probe: 'true', run: [process.execPath, 'mint.mjs'], ...small },
  {
    name: 'Python',
    packages: 'python3-pyotp',
    probe: "python3 -c 'import pyotp'",
    run: ['python3', 'mint.py'],
    ...small,
  },
  {
    name: 'PHP',
    packages: 'php-cli php-intl php-mbstring php-christianriesen-otp',
    probe: `php -r 'require "ChristianRiesen/Otp/autoload.php"; mb_strtolower(Normalizer::normalize("a"));'`,
    run: ['php', 'mint.php'],
    ...small,
  },
  {
    name: 'Ruby',
    packages: 'ruby-rotp',
    probe: 'ruby -r rotp -e ""',
    run: ['ruby', 'mint.rb'],
    ...small,
  },
  {
    name: 'Perl',
    packages: 'libpass-otp-perl libcryptx-perl',
    probe: 'perl -MPass::OTP -MCrypt::PRNG -e 1',
    run: ['perl', 'mint.pl'],
    ...small,
  },
  {
    name: 'Lua',
    packages: 'lua5.4 lua-luaossl lua-socket',
    probe: `lua5.4 -e 'require "openssl.hmac"; require "mime"'`,
    run: ['lua5.4', 'mint.lua'],
    normalizesUnicode: false,
    isSmall: true,
  },
  {
    name: 'Go',
    packages: 'golang-go golang-github-pquerna-otp-dev golang-golang-x-text-dev',
    probe: 'cd /usr/share/gocode/src && ls github.com/pquerna/otp golang.org/x/text && go version',
    build: 'GO111MODULE=off GOPATH=/usr/share/gocode go build -o mint mint.go',
    run: ['./mint'],
    ...compiled,
  },
  {
    name: 'Java',
    packages: 'default-jdk-headless',
    probe: 'javac -version',
    run: ['java', 'Mint.java'],
    ...compiled,
  },
  {
    name: 'Elixir',
    packages: 'elixir',
    probe: "elixir -e ':crypto.info_lib()'",
    run: ['elixir', 'mint.exs'],
    ...compiled,
  },
  {
    name: 'Rust',
    packages:
      'cargo librust-totp-rs-dev librust-data-encoding-dev librust-hmac-dev librust-rand-dev librust-sha2-dev librust-unicode-normalization-dev',
    probe:
      'cargo --version && cd /usr/share/cargo/registry && ls -d totp-rs-3* data-encoding-2* hmac-0.12* rand-0.8* sha2-0.10* unicode-normalization-0.1*',
    build: 'cd rust && cargo build --quiet --offline --config ../debian.toml',
    run: ['rust/target/debug/mint'],
    ...compiled,
  },
];

const DEBIAN_CRATES = `
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "/usr/share/cargo/registry"
`;

/** Returns whether the packages of an example are installed. @param probe a shell command that succeeds then */
export function isInstalled({ probe }: { readonly probe: string }): boolean {
  return spawnSync('sh', ['-c', probe], { env: environment('/'), timeout: 60_000 }).status === 0;
}

/** An example, compiled if necessary. */
export class Example {
  readonly #language: Language;
  readonly #directory: string = temporaryDirectory();

  /** @throws if it doesn't compile */
  constructor(language: Language) {
    this.#language = language;
    cpSync(resolve('examples/mint'), this.#directory, { recursive: true });
    writeFileSync(join(this.#directory, 'debian.toml'), DEBIAN_CRATES);
    const { status, stderr } = this.#start('sh', ['-c', language.build ?? 'true']);
    if (status !== 0) throw new Error(`expected that the example compiles\n${stderr}`);
  }

  /** Runs the example until it exits. */
  mint(jid: string, env: NodeJS.ProcessEnv): { status: number | null; stdout: string; stderr: string } {
    const [program = '', ...args] = this.#language.run;
    return this.#start(program, [...args, jid], env);
  }

  #start(
    program: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): ReturnType<typeof this.mint> {
    const cwd = this.#directory;
    const options = {
      cwd,
      env: { ...environment(cwd), ...env },
      encoding: 'utf8',
      timeout: 280_000,
    } as const;
    return spawnSync(program, args, options);
  }
}

/** Uses the programs of Debian, and a time zone other than UTC. */
export function environment(home: string): { PATH: string } & NodeJS.ProcessEnv {
  return { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', HOME: home, LANG: 'C.UTF-8', TZ: 'America/New_York' };
}
