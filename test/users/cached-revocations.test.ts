import { describe, expect, it } from 'vitest';
import { CachedRevocations } from '../../src/users/cached-revocations.js';
import type { Revocation, RevocationSnapshot } from '../../src/users/revocations.js';

const HOST = 'example.com';
const revocation = (user: string, isBlocked = true): Revocation => ({
  jid: `${user}@${HOST}`,
  revokedAt: 1,
  isBlocked,
});

/** A store in memory that can fail, and a clock. */
class Subject {
  now = 0;
  reads = 0;
  /** How long a read takes, in milliseconds of the clock. */
  duration = 0;
  fault: string | undefined;
  stored: Revocation[] = [];
  revision = 0;
  readonly warnings: string[] = [];
  readonly cached: CachedRevocations;

  constructor(previous?: Subject) {
    const store = {
      read: (revision: string | undefined) => this.#read(revision),
      add: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    const onWarning = (message: string): void => void this.warnings.push(message);
    this.cached = new CachedRevocations({
      store,
      monotonic: () => this.now,
      onWarning,
      inherited: previous?.cached.known,
    });
  }

  store(...revocations: Revocation[]): void {
    this.stored = revocations;
    this.revision += 1;
  }

  async isBlocked(user: string): Promise<boolean | undefined> {
    return (await this.cached.of(user, HOST))?.isBlocked;
  }

  #read(revision: string | undefined): Promise<RevocationSnapshot | undefined> {
    this.reads += 1;
    this.now += this.duration;
    if (this.fault !== undefined) return Promise.reject(new Error(this.fault));
    if (revision === String(this.revision)) return Promise.resolve(undefined);
    return Promise.resolve({ revision: String(this.revision), revocations: this.stored });
  }
}

describe('cached revocations', () => {
  it('are read again after 250 ms, and the last one of a user applies', async () => {
    const subject = new Subject();
    expect(await subject.isBlocked('alice')).toBeUndefined();
    subject.store(revocation('alice'), revocation('bob'), revocation('bob', false));
    subject.now = 249;
    expect(await subject.isBlocked('alice')).toBeUndefined();
    expect(subject.reads).toBe(1);
    subject.now = 250;
    expect([await subject.isBlocked('alice'), await subject.isBlocked('bob')]).toEqual([true, false]);
    expect(subject.reads).toBe(2);
  });

  it('are as old as the beginning of a slow read', async () => {
    const subject = new Subject();
    subject.duration = 250;
    expect(await subject.isBlocked('alice')).toBeUndefined();
    subject.store(revocation('alice'));
    expect(await subject.isBlocked('alice')).toBe(true);
  });

  it('have a version that is always read from the store, and differs only after a change', async () => {
    const subject = new Subject();
    const first = await subject.cached.version();
    expect(await subject.cached.version()).toBe(first);
    subject.store(revocation('alice'));
    expect(await subject.cached.version()).not.toBe(first);
    expect(await subject.isBlocked('alice')).toBe(true);
  });

  it('share one read between concurrent requests', async () => {
    const subject = new Subject();
    await Promise.all(Array.from({ length: 10 }, () => subject.isBlocked('alice')));
    expect(subject.reads).toBe(1);
  });

  it('are unknown until they have been read once', async () => {
    const subject = new Subject();
    subject.fault = 'no connection';
    await expect(subject.isBlocked('alice')).rejects.toThrow('no connection');
    await expect(subject.cached.version()).rejects.toThrow('no connection');
    subject.fault = undefined;
    expect(await subject.isBlocked('alice')).toBeUndefined();
  });

  it('stay as they were if the store fails later, or loses them', async () => {
    const subject = new Subject();
    subject.store(revocation('alice'));
    expect(await subject.isBlocked('alice')).toBe(true);
    subject.fault = 'no connection';
    for (subject.now = 1000; subject.now < 3000; subject.now += 1000) {
      expect(await subject.isBlocked('alice')).toBe(true);
    }
    expect(subject.warnings).toEqual(['revocations unavailable, keeping those read before: no connection']);
    subject.fault = undefined;
    subject.store();
    subject.now = 4000;
    expect(await subject.isBlocked('alice')).toBe(true);
    expect(subject.warnings[1]).toMatch(/the store has lost alice@example\.com; .* xtokend revoke JID$/);
  });

  it('stay if the store loses some of them, or goes back in time, and others follow', async () => {
    const subject = new Subject();
    subject.store(revocation('alice'), revocation('bob', false), { ...revocation('carol'), revokedAt: 2 });
    expect(await subject.isBlocked('alice')).toBe(true);
    subject.store(revocation('bob'), revocation('carol', false));
    subject.now = 1000;
    expect(await subject.isBlocked('alice')).toBe(true);
    expect([await subject.isBlocked('bob'), await subject.isBlocked('carol')]).toEqual([true, true]);
    expect(subject.warnings).toHaveLength(1);
    subject.store(revocation('alice', false), { ...revocation('carol', false), revokedAt: 2 });
    subject.now = 2000;
    expect([await subject.isBlocked('alice'), await subject.isBlocked('carol')]).toEqual([false, false]);
    expect(await subject.isBlocked('bob')).toBe(true);
  });
  it('stay after a change of the store, which has to be read as well', async () => {
    const before = new Subject();
    before.store(revocation('alice'), revocation('bob'));
    expect(await before.isBlocked('alice')).toBe(true);
    const subject = new Subject(before);
    subject.fault = 'no connection';
    await expect(subject.isBlocked('alice')).rejects.toThrow('no connection');
    subject.fault = undefined;
    subject.store(revocation('bob', false));
    subject.now = 1000;
    expect([await subject.isBlocked('alice'), await subject.isBlocked('bob')]).toEqual([true, false]);
    expect(subject.warnings).toHaveLength(1);
  });
});
