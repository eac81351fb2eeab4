import { readFileSync } from 'node:fs';
import { codeIn, replaced } from '../documents.js';

const PAGE = 'docs/ejabberd.md';
const SOCKET = '/run/xtokend/xtokend.sock';
const PROGRAM = '/usr/bin/xtokend';

/** Returns the documented settings of ejabberd for a running xtokend. @param socket the path of its socket */
export function settingsForSocket(socket: string): string {
  return replaced(codeIn(PAGE, 'yaml'), SOCKET, socket);
}

/** Returns the documented settings of ejabberd that let it start xtokend. @param program the path of xtokend */
export function settingsForProgram(program: string): string {
  const [, line] =
    new RegExp(`^ +(extauth_program: '${PROGRAM}')$`, 'm').exec(readFileSync(PAGE, 'utf8')) ?? [];
  if (line === undefined) throw new Error(`expected a line with ${PROGRAM} in ${PAGE}`);
  const [forSocket = ''] = /^extauth_program: .*$/m.exec(codeIn(PAGE, 'yaml')) ?? [];
  return replaced(codeIn(PAGE, 'yaml'), forSocket, replaced(line, PROGRAM, program));
}
