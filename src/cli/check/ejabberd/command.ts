/** Programs that connect their stdin and stdout to a socket. */
const BRIDGE = /(?:^|\/)(?:socat|nc|ncat|netcat)(?:\.\w+)?$/;
/** An address of socat(1), with options after a comma. */
const SOCAT_ADDRESS = /^unix(?:-connect|-client)?:([^,]+)/i;

/** Splits a shell command line into words, and also the quoted parts, which may be commands. */
export function wordsOf(command: string): string[] {
  return command
    .replaceAll(/["']/g, ' ')
    .split(/[\s;&|]+/)
    .filter((word) => word !== '');
}

/** Returns whether a word names xtokend, its bundle or a wrapper script, rather than a file that is an argument. */
export function isXtokend(word: string): boolean {
  return /(?:^|\/)xtokend[^/]*$/.test(word) && !/\.toml$|\.log$|=/.test(word);
}

/** Returns whether a word names socat(1) or a netcat. */
export function isBridge(word: string): boolean {
  return BRIDGE.test(word);
}

/** Returns the path of the Unix socket to which socat(1), or a netcat with `-U`, connects; `undefined` for any other command. */
export function socketOf(command: unknown): string | undefined {
  const words = typeof command === 'string' ? wordsOf(command) : [];
  if (!words.some(isBridge)) return undefined;
  const address = words.map((word) => SOCAT_ADDRESS.exec(word)?.[1]).find((path) => path !== undefined);
  return address ?? words.find((_, index) => index > 0 && /^-\w*U$/.test(words[index - 1] ?? ''));
}

/** Returns whether a command that cannot connect to a socket tries again, or waits, instead of ending at once. */
export function isPatient(command: string): boolean {
  return /\b(?:retry=[1-9]|forever\b|sleep )/.test(command);
}

/** Returns the last value of `--protocol`, which is the one that applies. */
export function protocolOf(words: readonly string[]): string | undefined {
  const values = words.flatMap((word, index) => {
    if (word === '--protocol') return words[index + 1] ?? '';
    return word.startsWith('--protocol=') ? word.slice('--protocol='.length) : [];
  });
  return values.at(-1);
}
