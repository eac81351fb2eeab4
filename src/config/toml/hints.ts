interface Line {
  readonly raw: string;
  /** The line without the texts in its quotes. */
  readonly bare: string;
  /** The message of the parser. */
  readonly reason: string;
}

type Hint = readonly [applies: (line: Line) => boolean, text: string];

const matching =
  (part: keyof Line) =>
  (pattern: RegExp) =>
  (line: Line): boolean =>
    pattern.test(line[part]);
const [raw, bare, reason] = [matching('raw'), matching('bare'), matching('reason')];

/** What people write instead of TOML, in the order in which it is tried. No hint repeats a part of the line: it may be a secret. */
const hints: readonly Hint[] = [
  [bare(/(?:^|\s)--/), 'comments begin with "#" in TOML, not with "--" as in Lua'],
  [bare(/(?:^|\s)(?:\/\/|\/\*)/), 'comments begin with "#" in TOML, on each line'],
  [bare(/^\s*;/), 'comments begin with "#" in TOML, not with ";" as in INI files'],
  [raw(/[“”„‟‘’‚«»]/), 'found typographic quotes: use "'],
  [
    raw(/[\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f\u3000\ufeff]/),
    'found a space or invisible character that TOML does not allow, perhaps from a web page: type the line again',
  ],
  [bare(/\r(?!$)/), 'lines end with a carriage return only: end them with a line feed'],
  [
    bare(/^\s*(?:VirtualHost|Component|local|return)\b/),
    "this is Lua, as in Prosody's configuration, but the one of xtokend is TOML",
  ],
  [bare(/^\s*\{/), 'TOML has no braces around the file: write name = "value", one per line'],
  [bare(/[;,]\s*(?:[}#].*)?$/), 'remove the ";" or "," at the end of the line'],
  [reason(/redefine/), 'it is in the file twice; for several keys, use [[keys]] with double brackets'],
  [
    bare(/^\s*\[(?:[^\]]*$|[^"']*["'](?!["']))/),
    'a bracket or a quote is missing: a table is [name] or [hosts."example.com"]',
  ],
  [bare(/^\s*\[+[^\]=]*\]+\s*[^\s\]#]/), 'put the setting on the line after [table]'],
  [
    bare(/^\s*\[/),
    'a name with other characters than A–Z, a–z, 0–9, "-" and "_" needs quotes: [hosts."example.com"]',
  ],
  [bare(/^\s*[\w.-]+\s*:(?!=)/), '":" between name and value is YAML: write name = "value"'],
  [bare(/^\s*[\w.-]+\s*(?::=|=>|==)/), 'write name = "value", with one "="'],
  [reason(/escape/), String.raw`a backslash begins an escape: write \\, or use single quotes`],
  [bare(/=\s*\S+\s+[\w.-]+\s*=/), 'write one setting per line'],
  [value(/^(?:#.*)?$/), 'the value is missing: name = "value"'],
  [value(/^(?:yes|no|on|off|true|false)\b/i), 'write true or false, in lower case'],
  [value(/^[^"'#]*["'](?!["'])/), 'a quote is missing at one end of the text'],
  [
    (line) => /value|literal|date/.test(line.reason) && value(/^(?:\[\[|[^"'[{])/)(line),
    'a text needs quotes: name = "value"',
  ],
  [({ bare }) => !bare.includes('='), 'write name = "value"'],
  [bare(/^\s*[\w-]+\s+[\w.-]+\s*=/), 'write name = "value", with nothing before the name'],
];

/**
 * Guesses what is wrong with a line that is not TOML.
 *
 * @param text the file
 * @param number the number of the line, from 1 on
 * @param reason the message of the parser
 * @returns what to write instead, if that can be guessed
 */
export function hintAtToml(text: string, number: number, reason: string): string | undefined {
  const raw = text.split('\n')[number - 1] ?? '';
  const line = { raw, bare: raw.replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, '""'), reason };
  return hints.find(([applies]) => applies(line))?.[1];
}

function value(pattern: RegExp): (line: Line) => boolean {
  return (line) => pattern.test(/^[^=]+=\s*(.*?)\s*$/.exec(line.bare)?.[1] ?? '""');
}
