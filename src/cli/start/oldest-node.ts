/** The oldest release of Node.js that xtokend runs on, as `engines` in package.json says: Debian 12 has it. */
export const OLDEST_NODE = '18.19';

/** Returns whether xtokend runs on a version of Node.js, such as `20.11.1`; `false` if the text is not a version. */
export function isNewEnough(version: string): boolean {
  const [major = NaN, minor = NaN] = version.split('.').map(Number);
  const [oldestMajor = NaN, oldestMinor = NaN] = OLDEST_NODE.split('.').map(Number);
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}
