const INITIAL_CAPACITY = 1024;
const MAX_LOAD = 0.75;

/**
 * A set of random texts, kept as fingerprints of 63 bits in 11 to 21 bytes each: a `Set` of strings needs about 60. Two texts with the
 * same fingerprint count as one, which refuses a login by mistake, but never accepts one: about one login in 10^13, for 200,000 entries.
 */
export class FingerprintSet {
  /** Two halves for each entry, by open addressing; the first half is 0 if there is no entry. */
  #slots = new Int32Array(2 * INITIAL_CAPACITY);
  #size = 0;

  has(text: string): boolean {
    const [first, second] = fingerprintOf(text);
    return this.#slots[this.#find(first, second)] !== 0;
  }

  /** Returns whether it was added: `false` if it was there already. */
  add(text: string): boolean {
    const [first, second] = fingerprintOf(text);
    const slot = this.#find(first, second);
    if (this.#slots[slot] !== 0) return false;
    this.#slots[slot] = first;
    this.#slots[slot + 1] = second;
    this.#size += 1;
    if (this.#size > (this.#slots.length / 2) * MAX_LOAD) this.#grow();
    return true;
  }

  /** Returns the slot of a fingerprint, or the empty one that it belongs to. */
  #find(first: number, second: number): number {
    const slots = this.#slots;
    const mask = slots.length - 2;
    let slot = (second << 1) & mask;
    while (slots[slot] !== 0 && (slots[slot] !== first || slots[slot + 1] !== second))
      slot = (slot + 2) & mask;
    return slot;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(2 * before.length);
    for (let slot = 0; slot < before.length; slot += 2) {
      const [first = 0, second = 0] = [before[slot], before[slot + 1]];
      if (first === 0) continue;
      const target = this.#find(first, second);
      this.#slots[target] = first;
      this.#slots[target + 1] = second;
    }
  }
}

/** Returns two numbers of 31 and 32 bits, the first not 0. */
function fingerprintOf(text: string): [number, number] {
  let [first, second] = [0, 0];
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    first = Math.imul(first ^ code, 0x01000193);
    second = Math.imul(second ^ code, 0x5bd1e995) ^ (second >>> 15);
  }
  return [first | 1, second ^ (second >>> 13)];
}
