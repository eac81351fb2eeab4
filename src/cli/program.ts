import { Command, Option } from 'commander';
import { framings } from '../protocol/framings.js';
import type { CheckOptions } from './check/check.js';
import type { InitOptions } from './init.js';
import type { MintCommandOptions } from './mint.js';
import { reportErrors } from './report-errors.js';
import type { ServeOptions } from './serve/serve.js';
import type { VerifyCommandOptions } from './verify/verify.js';

type Serve = (options: ServeOptions, version: string) => Promise<void>;

const EXAMPLES = `
Examples:
  $ xtokend init
  $ xtokend check
  $ xtokend mint alice@example.com
  $ xtokend mint alice@example.com | xtokend verify alice@example.com -
  $ echo "auth:alice:example.com:$(xtokend mint alice@example.com)" | xtokend`;

/**
 * Reads the command line and carries it out.
 *
 * @param argv as in process.argv
 * @param serve what runs where no other command is named; it is loaded already
 */
export async function runProgram(argv: readonly string[], version: string, serve: Serve): Promise<void> {
  await reportErrors(async () => {
    await createProgram(version, serve).parseAsync(argv);
  });
}

/** Each command is loaded only when it is the one that runs. */
function createProgram(version: string, serve: Serve): Command {
  const program = new Command('xtokend')
    .description('Lets XMPP servers accept one-time login tokens that a web application signs.')
    .version(version)
    .exitOverride()
    .addHelpText('after', EXAMPLES);
  addServe(program, version, serve);
  addInit(program);
  addMint(program);
  addVerify(program);
  addKeygen(program);
  addCheck(program);
  addReload(program);
  return program;
}

function addServe(program: Command, version: string, serve: Serve): void {
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
    .allowExcessArguments()
    .action(async (options: ServeOptions, command: Command) => {
      // What stands there is not repeated: it may be a token.
      if (command.args.length > 0)
        command.error('error: expected a command and then its options; see xtokend --help');
      await serve(options, version);
    });
}

function addInit(program: Command): void {
  program
    .command('init')
    .description('write a configuration with fresh secrets; never overwrites one')
    .addOption(configOption())
    .option('--group <group>', 'also let this group read it; otherwise only you can')
    .action(async (options: InitOptions) => {
      const { init } = await import('./init.js');
      init(options);
    });
}

function addReload(program: Command): void {
  program
    .command('reload')
    .description('reload the daemon of a systemd unit and wait for the result (for ExecReload=)')
    .action(async () => {
      const { reload } = await import('./reload.js');
      await reload(process.env);
    });
}

function addMint(program: Command): void {
  program
    .command('mint')
    .description('print one token')
    .argument('<jid>', 'whom it lets in, such as alice@example.com')
    .addOption(configOption())
    .option('--count <n>', 'how many tokens', '1')
    .option('--key <id>', 'of several keys, the one to make it with; otherwise the first that is good')
    .addOption(atOption())
    .action(async (jid: string, options: MintCommandOptions) => {
      const { mint } = await import('./mint.js');
      await mint(jid, options);
    });
}

function addVerify(program: Command): void {
  program
    .command('verify')
    .description('say whether a token would be accepted, or why not; spends nothing')
    .argument('<jid>', 'who logs in with it')
    .argument('<token>', '- reads it from standard input, so that it stands in no list of processes')
    .addOption(configOption())
    .addOption(atOption())
    .addHelpText('after', '\nExit status: 0 accepted, 1 refused, 2 could not tell.')
    .action(async (jid: string, token: string, options: VerifyCommandOptions) => {
      const { verify } = await import('./verify/verify.js');
      process.exitCode = await verify(jid, token, options);
    });
}

function addKeygen(program: Command): void {
  program
    .command('keygen')
    .description('print fresh secrets, ready to paste into a configuration')
    .action(async () => {
      const { keygen } = await import('./keygen.js');
      keygen();
    });
}

function addCheck(program: Command): void {
  program
    .command('check')
    .description(
      'look at the configuration and the machine as the daemon would, and name every problem and its cure',
    )
    .addOption(configOption())
    .option('--json', 'say it for tools')
    .option('--socket <path>', 'where xtokend listens; otherwise where Prosody asks, or the usual places')
    .option('--prosody <file>', 'otherwise /etc/prosody/prosody.cfg.lua, where that is')
    .option('--ejabberd <file>', 'otherwise /etc/ejabberd/ejabberd.yml, where that is')
    .option(
      '--request <request>',
      'ask a running xtokend instead: isuser:USER:HOST, auth:USER:HOST (mints a token and spends it), or - to read one from standard input',
    )
    .addOption(protocolOption())
    .addOption(new Option('--as-service').hideHelp())
    .addHelpText(
      'after',
      '\nExit status: 0 fit to run, 1 not. With --request: 0 accepted, 1 refused, 2 could not tell.',
    )
    .action(async (options: CheckOptions) => {
      const { check } = await import('./check/check.js');
      process.exitCode = await check(options);
    });
}

function configOption(): Option {
  return new Option('--config <file>', 'otherwise $XTOKEND_CONFIG, otherwise /etc/xtokend/xtokend.toml');
}

function protocolOption(): Option {
  return new Option('--protocol <framing>', 'how requests are written')
    .choices(Object.keys(framings))
    .default('generic');
}

function atOption(): Option {
  return new Option('--at <time>', 'ISO 8601 or Unix seconds; otherwise now');
}
