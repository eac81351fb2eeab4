import {
  AnswerPolicy,
  type Answer,
  type Sent,
  type TerminalPort,
} from '../../../src/server/terminal/answer-policy.js';

/** Breaks a rule. */
export interface Mutation {
  readonly port?: (port: TerminalPort) => Partial<TerminalPort>;
  /** Whether lines that arrive at once are requests of their own. */
  readonly splitsLines?: boolean;
  readonly answerWithin?: number;
}

const ANSWER_WITHIN = 40;

/** A terminal, and the process that answers on it. */
export class SimulatedTerminal {
  /** What the server has sent, and the kernel has not handed over yet. */
  readonly underWay: string[] = [];
  /** What the server can read, and what it can't read yet. */
  answers: Answer[] = [];
  /** Whether the next result may be that of another login: a signal came while an answer was on its way. */
  isExcused = false;
  /** Whether the process has seen the server waiting and may be about to answer. */
  isAnswering = false;
  seenIdleAt: number | undefined;
  sentInCalm = 0;
  /** Whether the last answer is from the present process, and the server has read nothing since. */
  knowsLastAnswer = false;
  /** When it was written. At that very moment it is too early to say what has become of it. */
  answeredAt = 0;
  #input = '';
  #readable: Answer[] = [];
  #undecided: Sent[] = [];
  #policy: AnswerPolicy;
  readonly #port: TerminalPort;

  readonly #mutation: Mutation;

  constructor(portOf: (terminal: SimulatedTerminal) => TerminalPort, mutation: Mutation) {
    this.#port = portOf(this);
    this.#mutation = mutation;
    this.#policy = this.#createPolicy(false);
  }

  get hasAnswerUnderWay(): boolean {
    return this.isAnswering || this.answers.length > 0 || this.#readable.length > 0;
  }

  /** The kernel hands something over, one way or the other. */
  carry(): void {
    this.#readable.push(...this.answers.splice(0));
    this.#input += this.underWay.shift() ?? '';
  }

  get isReadable(): boolean {
    return this.#readable.length > 0;
  }

  takeReadable(): Answer[] {
    return this.#readable.splice(0);
  }

  /** A read that finds nothing makes the kernel hand over what is under way. */
  read(): Buffer {
    const input = Buffer.from(this.#input + this.underWay.splice(0).join(''));
    this.#input = '';
    return input;
  }

  deliver(): void {
    const input = this.#input;
    this.#input = '';
    for (const part of this.#mutation.splitsLines === true ? input.split(/(?<=\n)/) : [input]) {
      this.#policy.receive(Buffer.from(part));
      if (this.#mutation.splitsLines === true) this.#policy.answer();
    }
  }

  decide(): void {
    for (const sent of this.#undecided.splice(0)) {
      const isGood = 'host' in sent.request && sent.request.host === 'good';
      sent.decision = { accepted: isGood, onAnswered: () => undefined };
    }
  }

  /** @returns when the policy's first look found the server idle, if it did */
  answer(): number | undefined {
    this.seenIdleAt = undefined;
    this.#policy.checkInput();
    this.#policy.answer();
    this.isAnswering = false;
    return this.seenIdleAt;
  }

  /** The process is replaced: what lay in the terminal is discarded. */
  restart(): void {
    const discarded = this.#input + this.underWay.splice(0).join('');
    this.#input = '';
    this.knowsLastAnswer = false;
    this.#undecided = [];
    this.#policy = this.#createPolicy(discarded !== '' && !discarded.endsWith('\n'));
  }

  #createPolicy(startsInRequest: boolean): AnswerPolicy {
    return new AnswerPolicy({
      port: this.#port,
      answerWithin: () => this.#mutation.answerWithin ?? ANSWER_WITHIN,
      drainedAt: this.#port.clock(),
      startsInRequest,
      onRequest: (sent) => this.#undecided.push(sent),
      onUnanswered: () => undefined,
    });
  }
}
