import type { Writable } from 'node:stream';
import type { Reply } from './responder.js';

/** Writes answers that are ready at the same time in one go: a call for each would cost more than the decisions. */
export class AnswerBatch {
  readonly #output: Writable;
  #answers: Buffer[] = [];

  constructor(output: Writable) {
    this.#output = output;
  }

  /** The way back for every request of this output. */
  readonly reply: Reply = {
    send: (answer) => {
      if (this.#output.destroyed) return false;
      // Comes behind the microtasks, in which other requests of the same turn are decided.
      if (this.#answers.length === 0)
        process.nextTick(() => {
          this.flush();
        });
      this.#answers.push(answer);
      return true;
    },
  };

  /** Writes what there is at once. */
  flush(): void {
    const [first] = this.#answers;
    if (first === undefined) return;
    const answers = this.#answers.length === 1 ? first : Buffer.concat(this.#answers);
    this.#answers = [];
    if (!this.#output.destroyed) this.#output.write(answers);
  }
}
