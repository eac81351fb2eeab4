/** The oldest release of Node.js that xtokend runs on, as `engines` in package.json says: Debian 12 has it. */
export const OLDEST_NODE = '18.19';

/** Whether a version of Node.js, such as `20.11.1`, is one that xtokend runs on. Anything else isn't. */
export function isNewEnough(version: string): boolean {
  const [major = NaN, minor = NaN] = version.split('.').map(Number);
  const [oldestMajor = NaN, oldestMinor = NaN] = OLDEST_NODE.split('.').map(Number);
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}
