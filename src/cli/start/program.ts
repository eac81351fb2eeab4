import { Command, Option } from 'commander';
import { nearest } from '../../nearest.js';
import type { CheckOptions } from '../check/check.js';
import type { InitOptions } from '../init.js';
import type { MintCommandOptions } from '../mint.js';
import type { PasswdOptions } from '../passwd.js';
import type { RevokeOptions } from '../revoke.js';
import { atOption, configOption, prosodyOption, protocolOption } from './options.js';
import { reportErrors } from './report-errors.js';
import type { ServeOptions } from '../serve/serve.js';
import type { VerifyCommandOptions } from '../verify/verify.js';
import { withoutTokens } from './without-tokens.js';

/** The manual page of each topic of `xtokend help`. */
export const TOPICS = {
  manual: 'xtokend.1',
  configuration: 'xtokend.toml.5',
  prosody: 'mod_auth_xtoken.5',
} as const;

const EXAMPLES = `
Examples:
  $ xtokend init
  $ xtokend check
  $ xtokend mint alice@example.com
  $ xtokend mint alice@example.com | xtokend verify alice@example.com -
  $ echo "auth:alice:example.com:$(xtokend mint alice@example.com)" | xtokend`;

/**
 * Runs the command of a command line.
 *
 * @param argv as in process.argv
 */
export async function runProgram(argv: readonly string[], version: string): Promise<void> {
  await reportErrors(async () => {
    const program = createProgram(version);
    const [, , word] = argv;
    // Otherwise, the default command would complain about the first option of a mistyped command.
    if (word !== undefined && !word.startsWith('-') && !commandNames(program).includes(word)) {
      refuse(program, word);
    }
    await program.parseAsync(argv);
  });
}

/** Creates the commands and options of xtokend, which tests compare with the man pages and completions. */
export function createProgram(version: string): Command {
  const program = new Command('xtokend')
    .description('Lets XMPP servers accept one-time login tokens that a web application signs.')
    .version(version)
    .exitOverride()
    .configureOutput({
      outputError: (message, write) => {
        write(withoutTokens(message, process.argv));
      },
    })
    .helpCommand(false)
    .addHelpText('after', EXAMPLES);
  addServe(program, version);
  addInit(program);
  addMint(program);
  addVerify(program);
  // Each import() loads a command only when it runs.
  program
    .command('keygen')
    .description('print fresh secrets, ready to paste into a configuration')
    .action(async () => {
      (await import('../keygen.js')).keygen();
    });
  addRevoke(program);
  addPasswd(program);
  addCheck(program);
  program
    .command('reload')
    .description('reload the daemon of a systemd unit and wait for the result (for ExecReload=)')
    .action(async () => (await import('../reload.js')).reload(process.env));
  addHelp(program);
  return program;
}

function commandNames(program: Command): string[] {
  return program.commands.map((command) => command.name());
}

/**
 * Ends with an error about a word that is no command. Only repeats the word if it is like a known one: it can be a token.
 *
 * @param topics what the word can be instead of a command
 */
function refuse(program: Command, word: string, topics: readonly string[] = []): never {
  const names = [...commandNames(program), ...topics];
  const near = names.includes(word) ? undefined : nearest(word, names);
  return program.error(
    near === undefined
      ? 'error: expected a command and then its options; see xtokend --help'
      : `error: unknown ${topics.length > 0 ? 'topic' : 'command'} '${word}'. Did you mean ${near}? See xtokend --help`,
  );
}

function addServe(program: Command, version: string): void {
  program
    .command('serve', { isDefault: true })
    .description('answer requests on stdin/stdout, or on Unix sockets (the default)')
    .addOption(configOption())
    .addOption(protocolOption())
    .addOption(
      new Option(
        '--listen <address>',
        'answer on a Unix socket instead, such as unix:/run/xtokend/xtokend.sock,group=prosody (repeatable)',
      ).argParser((address: string, before: string[] | undefined) => [...(before ?? []), address]),
    )
    .option('--until-stdin-ends', 'with --listen: end when stdin ends, for a server that starts xtokend')
    .allowExcessArguments()
    .action(async (options: ServeOptions, command: Command) => {
      const [word] = command.args;
      if (word !== undefined) refuse(program, word);
      await (await import('../serve/serve.js')).serve(options, version);
    });
}

function addInit(program: Command): void {
  program
    .command('init')
    .description('write a configuration with fresh secrets; never overwrites one')
    .addOption(configOption())
    .option('--group <group>', 'also let this group read it (default: only you)')
    .action(async (options: InitOptions) => {
      (await import('../init.js')).init(options);
    });
}

function addMint(program: Command): void {
  program
    .command('mint')
    .description('print one token')
    .argument('<jid>', 'who logs in with it, such as alice@example.com')
    .addOption(configOption())
    .option('--count <n>', 'how many tokens', '1')
    .option('--key <id>', 'the key to make it with (default: the first active one)')
    .addOption(atOption())
    .action(async (jid: string, options: MintCommandOptions) =>
      (await import('../mint.js')).mint(jid, options),
    );
}

function addVerify(program: Command): void {
  program
    .command('verify')
    .description('check whether a token would be accepted, or why not; consumes nothing')
    .argument('<jid>', 'who logs in with it')
    .argument('<token>', '- reads it from standard input, so that no list of processes shows it')
    .addOption(configOption())
    .addOption(atOption())
    .addHelpText('after', '\nExit status: 0 accepted, 1 refused, 2 could not tell.')
    .action(async (jid: string, token: string, options: VerifyCommandOptions) => {
      process.exitCode = await (await import('../verify/verify.js')).verify(jid, token, options);
    });
}

function addRevoke(program: Command): void {
  program
    .command('revoke')
    .description('block a user at once, on every machine that shares the replay cache; open sessions end')
    .argument('[jid]', 'who is blocked')
    .addOption(configOption())
    .addOption(prosodyOption())
    .option('--undo', 'let the user log in again')
    .option('--list', 'print who is revoked, and since when')
    .action(async (jid: string | undefined, options: RevokeOptions) =>
      (await import('../revoke.js')).revoke(jid, options),
    );
}

function addPasswd(program: Command): void {
  program
    .command('passwd')
    .description('create, list or remove app passwords')
    .argument('[jid]', 'the user; optional with --list')
    .addOption(configOption())
    .option('--label <label>', 'its name, unique for the user, such as phone')
    .option('--stdin', 'read the password from standard input (default: a random one), 12 to 128 characters')
    .option('--list', 'list the app passwords of the user, or of all users without a JID')
    .option('--remove', 'remove the app password with this label')
    .option('--all', 'with --remove: remove all app passwords of the user')
    .addOption(prosodyOption('with --list: '))
    .action(async (jid: string | undefined, options: PasswdOptions) =>
      (await import('../passwd.js')).passwd(jid, options),
    );
}

function addCheck(program: Command): void {
  program
    .command('check')
    .description(
      'check the configuration and the machine as the daemon uses them, and name a fix for each problem',
    )
    .addOption(configOption())
    .option('--json', 'write JSON, for tools')
    .option('--socket <path>', 'where xtokend listens (default: where Prosody connects, or the usual paths)')
    .option('--prosody <file>', '(default: /etc/prosody/prosody.cfg.lua, if it exists)')
    .option('--ejabberd <file>', '(default: /etc/ejabberd/ejabberd.yml, if it exists)')
    .option(
      '--request <request>',
      'send a request to a running xtokend instead: isuser:USER:HOST, auth:USER:HOST (mints a token and consumes it), or - to read one from standard input',
    )
    .addOption(protocolOption())
    .addOption(new Option('--as-service').hideHelp())
    .addHelpText(
      'after',
      '\nExit status: 0 no problems, 1 problems found. With --request: 0 accepted, 1 refused, 2 could not tell.',
    )
    .action(async (options: CheckOptions) => {
      process.exitCode = await (await import('../check/check.js')).check(options);
    });
}

function addHelp(program: Command): void {
  program
    .command('help')
    .description('show how to use a command, or the manual page about a topic')
    .argument('[topic]', `a command, or ${Object.keys(TOPICS).join(', ')}`)
    .action(async (topic?: string) => {
      const command = program.commands.find((one) => one.name() === topic);
      if (topic === undefined) program.outputHelp();
      else if (command !== undefined) command.outputHelp();
      else if (isTopic(topic)) process.exitCode = (await import('../manual.js')).showManual(TOPICS[topic]);
      else refuse(program, topic, Object.keys(TOPICS));
    });
}

function isTopic(word: string): word is keyof typeof TOPICS {
  return Object.hasOwn(TOPICS, word);
}
