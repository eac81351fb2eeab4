import { readFileSync } from 'node:fs';

/** Returns the only code block of a page in a language, so that tests run what people copy. */
export function codeIn(page: string, language: string): string {
  const block = new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm');
  const blocks = [...readFileSync(page, 'utf8').matchAll(block)].map(([, code]) => code);
  const [code] = blocks;
  if (code === undefined || blocks.length > 1) {
    throw new Error(`expected one block of ${language} in ${page}, found ${blocks.length}`);
  }
  return code;
}

/** Returns the code blocks in sh of a section of a page, up to the next heading. @throws if there are none */
export function commandsBelow(page: string, heading: string): string[] {
  const blocks = codeBelow(page, heading)
    .filter(({ language }) => language === 'sh')
    .map(({ code }) => code);
  if (blocks.length === 0) throw new Error(`expected commands below ${heading} in ${page}`);
  return blocks;
}

/** Returns the code blocks of a section of a page, up to the next heading. */
export function codeBelow(page: string, heading: string): { language: string; code: string }[] {
  const [, rest = ''] = readFileSync(page, 'utf8').split(new RegExp(`^##+ ${heading}\n`, 'm'));
  const [section = ''] = rest.split(/^##/m);
  const blocks = section.matchAll(/^```(\w+)\n([^]*?)^```/gm);
  return Array.from(blocks, ([, language = '', code = '']) => ({ language, code }));
}

/** Replaces a part that differs in a test. @throws if the text does not contain it */
export function replaced(text: string, part: string, by: string): string {
  if (!text.includes(part)) throw new Error(`expected ${part} in\n${text}`);
  return text.replaceAll(part, () => by);
}
