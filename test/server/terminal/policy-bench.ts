import { AnswerPolicy, type Sent, type Sight } from '../../../src/server/terminal/answer-policy.js';

export const ANSWER_WITHIN = 1000;

/** A policy, and a server at the other end of its terminal that does what it is told to do. */
export class Bench {
  sight: Sight = 'waiting';
  /** What the server has sent, and the event loop has not read. */
  input = '';
  read = 0;
  written = (): number => 0;
  now = 0;
  readonly events: string[] = [];
  readonly #requests: Sent[] = [];
  readonly #policy: AnswerPolicy;

  constructor(startsInRequest = false) {
    this.#policy = new AnswerPolicy({
      port: {
        read: () => this.#take(),
        look: () => this.sight,
        traffic: () => ({ read: this.read, written: this.written() }),
        write: (answer) => this.events.push(answer),
        clock: () => this.now,
      },
      answerWithin: () => ANSWER_WITHIN,
      drainedAt: 0,
      startsInRequest,
      onRequest: (sent) => this.#requests.push(sent),
      onUnanswered: () => this.events.push('unanswered'),
    });
  }

  /** The server sends a text, and the event loop reads it. */
  receive(text: string): void {
    this.input += text;
    this.#policy.receive(this.#take());
  }

  /** The newest request is decided: those of good.example are accepted. */
  decide(): boolean {
    for (const sent of this.#requests.splice(0)) {
      const { request } = sent;
      sent.decision = { accepted: 'host' in request && request.host === 'good', onAnswered: () => undefined };
    }
    return this.#policy.answer();
  }

  /** Some time later. */
  answer(): boolean {
    this.now += 1;
    return this.#policy.answer();
  }

  checkInput(): void {
    this.#policy.checkInput();
  }

  #take(): Buffer {
    const input = Buffer.from(this.input);
    this.input = '';
    return input;
  }
}
