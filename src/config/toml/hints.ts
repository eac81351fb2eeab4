interface Line {
  /** As it stands. */
  readonly raw: string;
  /** Without what its quotes hold. */
  readonly bare: string;
  /** What the parser said. */
  readonly reason: string;
}

interface Hint {
  readonly applies: (line: Line) => boolean;
  readonly text: string;
}

/** What other languages write, in the order in which it's looked for. No hint repeats a part of the line: it may be a secret. */
const hints: readonly Hint[] = [
  {
    applies: ({ bare }) => /(?:^|\s)--/.test(bare),
    text: '"--" begins a comment in Lua; in TOML "#" does',
  },
  {
    applies: ({ bare }) => /(?:^|\s)(?:\/\/|\/\*)/.test(bare),
    text: 'in TOML "#" begins a comment, on each line',
  },
  { applies: ({ bare }) => /^\s*;/.test(bare), text: '";" begins a comment in INI files; in TOML "#" does' },
  { applies: ({ raw }) => /[“”„‟‘’‚«»]/.test(raw), text: 'typographic quotes: write " in their place' },
  {
    applies: ({ raw }) => /[\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f\u3000\ufeff]/.test(raw),
    text: 'a space or invisible character that TOML does not know, as web pages have them: type the line anew',
  },
  {
    applies: ({ bare }) => /\r(?!$)/.test(bare),
    text: 'lines that end in a carriage return alone: end them in a line feed',
  },
  {
    applies: ({ bare }) => /^\s*(?:VirtualHost|Component|local|return)\b/.test(bare),
    text: "this is Lua, as Prosody's configuration; xtokend's is TOML",
  },
  {
    applies: ({ bare }) => /^\s*\{/.test(bare),
    text: 'TOML has no braces around the file: write name = "value", one on a line',
  },
  {
    applies: ({ bare }) => /[;,]\s*(?:[}#].*)?$/.test(bare),
    text: 'nothing stands behind a value: leave out the ";" or "," at the end of the line',
  },
  {
    applies: ({ reason }) => reason.includes('redefine'),
    text: 'it stands in the file twice; several keys are [[keys]], in two brackets each',
  },
  ...tableHints(),
  {
    applies: ({ bare }) => /^\s*[\w.-]+\s*:(?!=)/.test(bare),
    text: '":" stands between name and value in YAML; write name = "value"',
  },
  {
    applies: ({ bare }) => /^\s*[\w.-]+\s*(?::=|=>|==)/.test(bare),
    text: 'write name = "value", with one "="',
  },
  {
    applies: ({ reason }) => reason.includes('escape'),
    text: String.raw`a backslash begins an escape: write \\, or put the text in single quotes`,
  },
  { applies: ({ bare }) => /=\s*\S+\s+[\w.-]+\s*=/.test(bare), text: 'write one setting on a line' },
  ...valueHints(),
  { applies: ({ bare }) => !bare.includes('='), text: 'write name = "value"' },
  {
    applies: ({ bare }) => /^\s*[\w-]+\s+[\w.-]+\s*=/.test(bare),
    text: 'write name = "value", with nothing before the name',
  },
];

/**
 * @param text what is not TOML
 * @param number of the line with the fault, from 1 on
 * @param reason what the parser said
 * @returns what to write there, as far as that can be guessed
 */
export function hintAtToml(text: string, number: number, reason: string): string | undefined {
  const raw = text.split('\n')[number - 1] ?? '';
  const line = { raw, bare: raw.replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, '""'), reason };
  return hints.find(({ applies }) => applies(line))?.text;
}

function tableHints(): Hint[] {
  return [
    {
      applies: ({ bare }) => /^\s*\[(?:[^\]]*$|[^"']*["'](?!["']))/.test(bare),
      text: 'a table is [name], with a bracket and perhaps a quote at both ends',
    },
    {
      applies: ({ bare }) => /^\s*\[+[^\]=]*\]+\s*[^\s\]#]/.test(bare),
      text: 'nothing stands behind [table]: write the setting on the next line',
    },
    {
      applies: ({ bare }) => /^\s*\[/.test(bare),
      text: 'a name with other characters than A–Z, a–z, 0–9, "-" and "_" stands in quotes: [hosts."example.com"]',
    },
  ];
}

function valueHints(): Hint[] {
  const valueIs = (pattern: RegExp) => {
    return ({ bare }: Line): boolean => pattern.test(/^[^=]+=\s*(.*?)\s*$/.exec(bare)?.[1] ?? '""');
  };
  return [
    { applies: valueIs(/^(?:#.*)?$/), text: 'the value is missing: name = "value"' },
    { applies: valueIs(/^(?:yes|no|on|off|true|false)\b/i), text: 'write true or false, in small letters' },
    { applies: valueIs(/^[^"'#]*["'](?!["'])/), text: 'a quote is missing at one end of the text' },
    {
      applies: (line) => /value|literal|date/.test(line.reason) && valueIs(/^(?:\[\[|[^"'[{])/)(line),
      text: 'a text stands in quotes: name = "value"',
    },
  ];
}
