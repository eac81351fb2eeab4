/** One line of a unit, such as `User=xtokend`. */
export interface UnitSetting {
  readonly name: string;
  readonly value: string;
}

/**
 * Reads what a unit and its drop-ins set below `[Service]` (systemd.syntax(7)).
 *
 * @param text what `systemctl cat` prints
 * @returns the settings in their order: later ones add to earlier ones or replace them, as systemd decides
 */
export function readServiceSettings(text: string): UnitSetting[] {
  const lines = text.split('\n').filter((line) => !/^\s*[#;]/.test(line));
  const settings: UnitSetting[] = [];
  let isService = false;
  // A backslash at the end continues a line.
  for (const line of lines.join('\n').replaceAll('\\\n', ' ').split('\n')) {
    const [, section] = /^\s*\[(.*)\]\s*$/.exec(line) ?? [];
    if (section !== undefined) isService = section === 'Service';
    const [, name, value] = /^\s*([A-Za-z0-9-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (isService && name !== undefined && value !== undefined) settings.push({ name, value });
  }
  return settings;
}
