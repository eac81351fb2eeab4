import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** A file system, and whether appends to a file are atomic there (`O_APPEND`, open(2)): each whole, after the others. */
export interface FileSystem {
  readonly name: string;
  readonly appends: 'atomic' | 'not-atomic' | 'unknown';
}

/** The types of statfs(2) on which the kernel of one machine serializes appends. */
const ATOMIC: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'XFS',
  0x9123683e: 'Btrfs',
  0x2fc12fc1: 'ZFS',
  0x01021994: 'tmpfs',
  0x794c7630: 'overlayfs',
  0xf2f52010: 'F2FS',
};

/** Those on which another machine or program decides where an append goes. */
const NOT_ATOMIC: Readonly<Record<number, string>> = {
  0x6969: 'NFS',
  0xff534d42: 'CIFS',
  0xfe534d42: 'SMB',
  0x517b: 'SMB',
  0x01021997: '9p',
  0x65735546: 'FUSE',
};

const DIGITS = '0123456789';

/** Returns the file system that a path is on. */
export function fileSystemOf(path: string): FileSystem {
  // A signed number of 32 bits on some machines.
  const type = Number(BigInt.asUintN(32, statfsSync(path, { bigint: true }).type));
  const [atomic, notAtomic] = [ATOMIC[type], NOT_ATOMIC[type]];
  if (atomic !== undefined) return { name: atomic, appends: 'atomic' };
  if (notAtomic !== undefined) return { name: notAtomic, appends: 'not-atomic' };
  return { name: `a file system of type 0x${type.toString(16)}`, appends: 'unknown' };
}

/** Returns whether alternating appends through two descriptors keep their order. Uses a file of its own in the directory. */
export function appendsInOrder(directory: string): boolean {
  const path = join(directory, randomUUID());
  const descriptors = [openSync(path, 'ax+', 0o600)];
  try {
    descriptors.push(openSync(path, 'a+'));
    unlinkSync(path);
    for (const digit of DIGITS) writeSync(descriptors[Number(digit) % 2] ?? -1, digit);
    const found = Buffer.alloc(2 * DIGITS.length);
    return descriptors.every((descriptor) => {
      const length = readSync(descriptor, found, 0, found.length, 0);
      return found.toString('latin1', 0, length) === DIGITS;
    });
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}
