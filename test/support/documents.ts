import { readFileSync } from 'node:fs';

/** @returns the only block of code in a language in a page: what people copy is what is tested */
export function codeIn(page: string, language: string): string {
  const block = new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm');
  const blocks = [...readFileSync(page, 'utf8').matchAll(block)].map(([, code]) => code);
  const [code] = blocks;
  if (code === undefined || blocks.length > 1) {
    throw new Error(`expected one block of ${language} in ${page}, found ${blocks.length}`);
  }
  return code;
}

/**
 * Replaces what is different in a test.
 *
 * @throws where a text that people copy does not hold it: then something is wrong with one of them
 */
export function replaced(text: string, part: string, by: string): string {
  if (!text.includes(part)) throw new Error(`expected ${part} in\n${text}`);
  return text.replaceAll(part, () => by);
}
