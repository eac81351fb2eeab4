// Prints the copyright file of the Debian package, with the licences of the packages in the bundle:
// https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
//
// Needs the output of scripts/build.js.
import { readFileSync } from 'node:fs';

// The licence "MIT" has the name "Expat" in Debian. Each expression matches the start of the terms, after the copyright lines.
const LICENCES = [
  { name: 'Apache-2.0', terms: /^.*(Apache License|Licensed under the Apache License)[^]*/m },
  { name: 'Expat', terms: /Permission is hereby granted, free of charge,[^]*/ },
  { name: 'Expat', terms: /Licensed under the MIT License\.[^]*/, withoutText: true },
  { name: 'ISC', terms: /Permission to use, copy, modify, and\/or distribute[^]*/ },
  {
    name: 'BSD-3-clause',
    terms: /Redistribution and use in source and binary forms[^]*Neither the name[^]*/,
  },
];
const APACHE = `Licensed under the Apache License, Version 2.0 (the "License");
you may not use these files except in compliance with the License.

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.

On Debian systems, the full text of the Apache License, Version 2.0
is in the file "/usr/share/common-licenses/Apache-2.0".`;

const HEADER = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: xtokend
Source: a clone of xtokend's repository, and the npm packages that its package-lock.json names
Comment: The files in /usr/share/xtokend/dist contain code of the packages in node_modules.
`;

const { packages: locked } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
/** The licences that this prints at the end: names and terms. @type {Map<string, string>} */
const texts = new Map();

const own = stanza('*', readFileSync('LICENSE', 'utf8'), 'xtokend');
const sections = readFileSync('dist/THIRD-PARTY-LICENSES.txt', 'utf8').split(/\n\n---\n\n/);
const others = sections.map((section) => {
  const [, title, name, version, file, text] = /^((\S+) (\S+?)(?:, (.*))?)\n\n([^]*)$/.exec(section) ?? [];
  const directory = directoryOf(name, version);
  return stanza(`${directory}/${file ?? '*'}`, text, directory, `${title}, in the bundle`);
});
const licences = [...texts].map(([name, terms]) => `License: ${name}\n${paragraph(terms)}\n`);
process.stdout.write([HEADER, own, ...others, ...licences].join('\n'));

/** Returns the stanza of the files that a licence applies to. */
function stanza(files, licence, directory, comment) {
  const holders = holdersIn(licence) ?? [authorOf(directory)];
  const lines = [`Files: ${files}`, `Copyright: ${holders.join('\n           ')}`];
  if (comment !== undefined) lines.push(`Comment: ${comment}`);
  return [...lines, `License: ${nameOf(licence, directory)}`, ''].join('\n');
}

/** Returns the copyright holders with their years, or `undefined` if a licence names none. */
function holdersIn(licence) {
  // The list of one licence is in the lines after "Copyright (c) 2011:".
  const found = [...licence.matchAll(/^ *Copyright (?:(?:©|\([cC]\)) )?(.*:\n(?:.+\n)+|.*)/gm)]
    .map(([, holder]) => holder.replace(/:\n/, ' ').trim().replaceAll('\n', ', '))
    .filter((holder) => /^\d{4}|^[A-ZÀ-Ž]\p{L}* [A-ZÀ-Ž]|<.*>|contributors/u.test(holder));
  return found.length > 0 ? found : undefined;
}

function authorOf(directory) {
  const { author } = JSON.parse(readFileSync(`${directory}/package.json`, 'utf8'));
  const name = author?.name ?? author;
  if (typeof name !== 'string') throw new Error(`expected a copyright holder in ${directory}, found none`);
  return name;
}

/** Returns the name of a licence, and keeps its terms for the end of the file. */
function nameOf(licence, directory) {
  const kind = LICENCES.find(({ terms }) => terms.test(licence));
  if (kind === undefined)
    throw new Error(`unknown licence of ${directory}: add it to scripts/debian-copyright.js`);
  if (kind.withoutText) return kind.name;
  const terms = kind.name === 'Apache-2.0' ? APACHE : kind.terms.exec(licence)[0];
  // Licences of one kind can differ, for example in the names that must not be used for promotion.
  const name = [kind.name, `${kind.name}~${directory.replace(/.*node_modules\//, '')}`].find(
    (candidate) => comparable(texts.get(candidate) ?? terms) === comparable(terms),
  );
  texts.set(name, texts.get(name) ?? terms);
  return name;
}

function comparable(terms) {
  return terms
    .replace(/["'`]+/g, '"')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Returns a text as the continuation of a field, in which " ." is an empty line. */
function paragraph(text) {
  const lines = text.trim().split('\n');
  const indents = lines.slice(1).filter((line) => line.trim() !== '');
  const common = Math.min(...indents.map((line) => /^ */.exec(line)[0].length));
  return lines
    .map((line, index) => (index === 0 ? line : line.slice(common)).trimEnd())
    .map((line) => ` ${line === '' ? '.' : line}`)
    .join('\n');
}

function directoryOf(name, version) {
  const suffix = `node_modules/${name}`;
  const found = Object.keys(locked).find(
    (directory) =>
      (directory === suffix || directory.endsWith(`/${suffix}`)) && locked[directory].version === version,
  );
  if (found === undefined) throw new Error(`expected ${name} ${version} in package-lock.json, found none`);
  return found;
}
