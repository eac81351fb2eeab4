import { isAbsolute } from 'node:path';

/** One line of a unit, such as `User=xtokend`. */
export interface UnitSetting {
  readonly name: string;
  readonly value: string;
}

/** A setting with the section that it is below, such as `Service`. */
export interface SectionSetting extends UnitSetting {
  readonly section: string;
}

/** A file that systemd copies for the service at its start (`LoadCredential=NAME:PATH`). */
export interface Credential {
  readonly name: string;
  readonly path: string;
}

/**
 * Reads the settings of a unit and its drop-ins below `[Service]`.
 *
 * @param text the output of `systemctl cat`
 * @returns the settings in their order: later ones add to earlier ones or replace them, as systemd decides
 */
export function readServiceSettings(text: string): UnitSetting[] {
  return readSettings(text)
    .filter(({ section }) => section === 'Service')
    .map(({ name, value }) => ({ name, value }));
}

/** Reads all settings of a unit, with their sections (systemd.syntax(7)). */
export function readSettings(text: string): SectionSetting[] {
  const lines = text.split('\n').filter((line) => !/^\s*[#;]/.test(line));
  const settings: SectionSetting[] = [];
  let section = '';
  // A backslash at the end continues a line.
  for (const line of lines.join('\n').replaceAll('\\\n', ' ').split('\n')) {
    section = /^\s*\[(.*)\]\s*$/.exec(line)?.[1] ?? section;
    const [, name, value] = /^\s*([A-Za-z0-9-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) settings.push({ section, name, value });
  }
  return settings;
}

/** Returns the files that the service gets unchanged; only systemd can read encrypted ones. */
export function readCredentials(settings: readonly UnitSetting[]): Credential[] {
  let credentials: Credential[] = [];
  for (const { value } of settings.filter(({ name }) => name === 'LoadCredential')) {
    const [name = '', path = ''] = value.split(/:(.*)/);
    // An empty setting removes the earlier ones.
    if (value === '') credentials = [];
    else if (isAbsolute(path)) credentials.push({ name, path });
  }
  return credentials;
}
