import { isIPv6 } from 'node:net';

const GROUPS = 8;
const NETWORK_GROUPS = 4;
/** Of IPv4-mapped addresses, and of IPv4 clients behind a translator (RFC 6052): all of those are in one /64. */
const IPV4_PREFIXES: readonly string[] = [
  [0, 0, 0, 0, 0, 0xffff],
  [0x64, 0xff9b, 0, 0, 0, 0],
].map((groups) => groups.join());

/**
 * Returns what one client is likely to have for itself: an IPv4 address, or the /64 of an IPv6 address.
 *
 * @param address an IP address; an IPv6 address may be an IPv4-mapped one, and may have a zone
 */
export function networkOf(address: string): string {
  const [withoutZone = ''] = address.split('%');
  if (!isIPv6(withoutZone)) return withoutZone;
  const groups = groupsOf(withoutZone);
  const [high = 0, low = 0] = groups.slice(-2);
  if (IPV4_PREFIXES.includes(groups.slice(0, -2).join()))
    return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  return `${groups
    .slice(0, NETWORK_GROUPS)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

function groupsOf(address: string): number[] {
  // A URL writes the last four bytes as hexadecimal digits, even if they were an IPv4 address.
  const [left = '', right = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const parse = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [first, last] = [parse(left), parse(right)];
  return [...first, ...new Array<number>(GROUPS - first.length - last.length).fill(0), ...last];
}
