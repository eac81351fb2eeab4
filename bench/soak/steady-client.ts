import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const REPLY_DEADLINE_MILLISECONDS = 10_000;

/** Asks when it is told to, whether the last answer has come or not, and takes the time of each. */
export class SteadyClient {
  readonly #socket: Socket;
  /** When each request was written that is not answered yet. */
  readonly #waiting: bigint[] = [];
  #samples: number[] = [];
  #fault: string | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (answers: string) => {
      this.#take(answers);
    });
  }

  static async open(path: string): Promise<SteadyClient> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new SteadyClient(socket);
  }

  /** @throws where an earlier request was not accepted */
  ask(request: string): void {
    if (this.#fault !== undefined) throw new Error(this.#fault);
    this.#waiting.push(process.hrtime.bigint());
    this.#socket.write(request);
  }

  /** @returns when all requests are answered */
  async allAnswered(): Promise<void> {
    const latest = Date.now() + REPLY_DEADLINE_MILLISECONDS;
    while (this.#waiting.length > 0) {
      if (Date.now() > latest) throw new Error(`expected answers to ${this.#waiting.length} requests`);
      await sleep(5);
    }
  }

  /** @returns the nanoseconds of each request since the last time */
  takeSamples(): Uint32Array {
    const samples = Uint32Array.from(this.#samples);
    this.#samples = [];
    return samples;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(answers: string): void {
    const now = process.hrtime.bigint();
    if (!/^[1\n]+$/.test(answers))
      this.#fault = `expected every login to be accepted: ${answers.slice(0, 20)}`;
    for (const character of answers) {
      if (character === '\n') this.#samples.push(Number(now - (this.#waiting.shift() ?? now)));
    }
  }
}
