import type { BootedMachine } from '../support/system/booted-machine.js';

/** What other programs than the package change: the kernel and systemd, logs, apt's and dpkg's own files, Prosody, and the test. */
const OTHERS = [
  ...['/proc', '/sys', '/dev', '/run/systemd', '/run/log', '/run/user', '/tmp', '/var/tmp'],
  ...[
    '/var/log',
    '/var/cache',
    '/var/lib/apt',
    '/var/lib/dpkg/*-old',
    '/var/lib/dpkg/lock*',
    '/var/lib/prosody',
    '/root',
  ],
  // shadow's and systemd's copies of the accounts before the last change.
  ...[
    '/etc/passwd-',
    '/etc/group-',
    '/etc/shadow-',
    '/etc/gshadow-',
    '/etc/subuid-',
    '/etc/subgid-',
    '/etc/.pwd.lock',
  ],
];

/** Returns all files of a machine with type, mode, owner and target of links, and the accounts. */
export function filesOf(machine: BootedMachine): string[] {
  const pruned = OTHERS.map((path) => `-path '${path}'`).join(' -o ');
  return machine
    .do(
      `find / \\( ${pruned} \\) -prune -o -printf '%p %y %m %u:%g %l\\n' | sort
      cat /etc/passwd /etc/group /etc/shadow /etc/gshadow`,
    )
    .split('\n');
}

/** Returns the entries that only one of two lists has, with a sign. */
export function difference(before: readonly string[], after: readonly string[]): string[] {
  const [old, current] = [new Set(before), new Set(after)];
  return [
    ...before.filter((entry) => !current.has(entry)).map((entry) => `- ${entry}`),
    ...after.filter((entry) => !old.has(entry)).map((entry) => `+ ${entry}`),
  ];
}
