import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

type Paragraph = Readonly<Record<string, string>>;

/** Parses the format of Debian's control files. */
function parse(text: string): Paragraph[] {
  return text.split(/\n\n+/).map((paragraph) => {
    const fields = paragraph.trimEnd().split(/\n(?! )/);
    return Object.fromEntries(
      fields.map((field) => {
        const [, name, value] = /^([A-Z][a-zA-Z-]*): (.+(?:\n .+)*)$/.exec(field) ?? [];
        if (name === undefined || value === undefined) throw new Error(`no field: ${field}`);
        return [name, value];
      }),
    );
  });
}

const text = execFileSync('node', ['scripts/debian-copyright.js'], { encoding: 'utf8' });
const [header, ...paragraphs] = parse(text);
const stanzas = paragraphs.filter((paragraph) => 'Files' in paragraph);
const licences = paragraphs.filter((paragraph) => !('Files' in paragraph));

/** Returns the stanza of the files of a package. */
function stanzaOf(directory: string): Paragraph | undefined {
  return stanzas.find(({ Files }) => Files === `${directory}/*`);
}

describe("Debian's copyright file", () => {
  it('has the licence of xtokend for all files first', () => {
    expect(header).toMatchObject({
      Format: 'https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/',
      'Upstream-Name': 'xtokend',
    });
    expect(stanzas[0]).toEqual({ Files: '*', Copyright: '2026 The xtokend authors', License: 'Expat' });
  });

  it('names every package of the bundle with its copyright holder and licence', () => {
    const { components } = JSON.parse(readFileSync('dist/sbom.cdx.json', 'utf8')) as {
      components: { name: string; version: string; licenses: [{ license: { id: string } }] }[];
    };
    for (const { name, version, licenses } of components) {
      const stanza = stanzas.find(({ Comment }) => Comment === `${name} ${version}, in the bundle`);
      expect(stanza?.['Copyright'], name).toMatch(/\p{L}{4}/u);
      const id = licenses[0].license.id.replace('MIT', 'Expat').toLowerCase();
      expect(stanza?.['License']?.toLowerCase().replace(/~.*/, ''), name).toBe(id);
    }
    for (const { Files } of stanzas.slice(1))
      expect(existsSync(String(Files).replace('*', '')), Files).toBe(true);
  });

  it('gives copyright holders as the licences do', () => {
    expect(stanzaOf('node_modules/retry')).toMatchObject({
      Copyright: '2011 Tim Koschützki (tim@debuggable.com), Felix Geisendörfer (felix@debuggable.com)',
    });
    expect(stanzaOf('node_modules/standard-as-callback')).toMatchObject({
      Copyright: '2018 Zihua Li\n           2013-2017 Petka Antonov',
    });
    // The licence file is the text of the licence only.
    expect(stanzaOf('node_modules/@opentelemetry/api')).toMatchObject({ Copyright: 'OpenTelemetry Authors' });
    expect(stanzaOf('node_modules/prom-client')).toMatchObject({ Copyright: '2015 Simon Nyberg' });
  });

  it('names the licences of single files', () => {
    const other = stanzas.find(({ Files }) => Files === 'node_modules/cluster-key-slot/lib/index.js');
    expect(other).toMatchObject({ License: 'BSD-3-clause' });
    expect(other?.['Copyright']).toContain('2001-2010 Georges Menie');
  });

  it('has the text of each licence once, and refers to the one that Debian has', () => {
    const names = licences.map(({ License }) => License?.split('\n')[0]);
    expect([...names].sort()).toEqual([...new Set(stanzas.map(({ License }) => License))].sort());
    for (const { License } of licences) expect(License?.split('\n').length).toBeGreaterThan(3);
    const apache = licences.find(({ License }) => License?.startsWith('Apache-2.0\n'));
    expect(apache?.['License']).toContain('/usr/share/common-licenses/Apache-2.0');
    expect(text).not.toContain('TERMS AND CONDITIONS');
  });
});
