import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { temporaryDirectory } from '../directory.js';
import { releases, type ProsodyRelease } from './prosody.js';

/** A profile of stringprep for a part of a JID. */
export type Profile = 'nodeprep' | 'nameprep';

/** Prepares texts without line breaks; returns `''` for each one that the server rejects. */
export type Preparation = (profile: Profile, texts: readonly string[]) => string[];

/** A server with a library that prepares names. */
export interface PreparingServer {
  readonly name: string;
  readonly isInstalled: boolean;
  readonly prepare: Preparation;
}

const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

/** The releases of Prosody. */
export const prosodies: readonly PreparingServer[] = releases.map((release) => ({
  name: release.name,
  isInstalled: existsSync(join(libraryOf(release), 'util/encodings.so')),
  prepare: (profile, texts) => {
    const options = {
      input: pack(texts),
      encoding: 'utf8',
      maxBuffer: MAX_OUTPUT_BYTES,
      timeout: 60_000,
    } as const;
    return unpack(execFileSync('lua5.4', ['-e', luaScript(libraryOf(release), profile)], options));
  },
}));

/** The library of ejabberd and MongooseIM. */
export const ejabberd: PreparingServer = {
  name: 'ejabberd',
  isInstalled: existsSync('/usr/bin/escript') && existsSync('/usr/share/doc/erlang-p1-stringprep'),
  prepare: (profile, texts) => {
    const directory = temporaryDirectory();
    const [script, input, output] = [
      join(directory, 'prepare'),
      join(directory, 'input'),
      join(directory, 'output'),
    ];
    writeFileSync(script, ERLANG);
    writeFileSync(input, pack(texts));
    execFileSync('escript', [script, profile, input, output], { timeout: 60_000 });
    return unpack(readFileSync(output, 'utf8'));
  },
};

/** The directory of the libraries that belong to a program. */
function libraryOf({ program }: ProsodyRelease): string {
  return resolve(dirname(program), '../lib/prosody');
}

/** Joins texts to lines. */
function pack(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}

function unpack(output: string): string[] {
  return output.split('\n').slice(0, -1);
}

function luaScript(library: string, profile: Profile): string {
  // Without "strict", as Prosody prepares the names of users who log in.
  return `package.cpath = "${library}/?.so"
    local prepare = require "util.encodings".stringprep.${profile}
    for text in io.lines() do print(prepare(text) or "") end`;
}

const ERLANG = `#!/usr/bin/env escript
-mode(compile).
main([Profile, Input, Output]) ->
    {ok, _} = application:ensure_all_started(stringprep),
    {ok, Bytes} = file:read_file(Input),
    Texts = lists:droplast(binary:split(Bytes, <<"\\n">>, [global])),
    Prepare = fun(Text) -> stringprep:(list_to_atom(Profile))(Text) end,
    ok = file:write_file(Output, [case Prepare(Text) of error -> <<"\\n">>; Result -> [Result, <<"\\n">>] end || Text <- Texts]).
`;
