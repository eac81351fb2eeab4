/** @returns the name of a setting as TOML writes it, such as `hosts."example.com".otp_seed` */
export function settingName(path: readonly PropertyKey[]): string {
  return path.map((part) => quoted(String(part))).join('.');
}

function quoted(part: string): string {
  return /^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part);
}
