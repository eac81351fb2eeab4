import { MAX_REQUEST_BYTES } from '../../protocol/request.js';

/** Reads a line from stdin. Stops after more than the longest request. */
export async function readInput(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.length > MAX_REQUEST_BYTES) break;
  }
  return text.replace(/\r?\n$/, '');
}
