import type { Answer, Sight, TerminalPort } from '../../../src/server/terminal/answer-policy.js';
import { SimulatedTerminal, type Mutation } from './simulated-terminal.js';

/** What a simulation may do apart from sending requests and answering them. */
export interface Disturbances {
  /** Signals that end the server's wait, and stop or continue it. */
  readonly signals: boolean;
  /** Whether it can be seen what the server does. */
  readonly isHidden: boolean;
}

/** A login, and what the server made of it. */
interface Login {
  readonly terminal: SimulatedTerminal;
  readonly isGood: boolean;
}

const TIMEOUT = 50;
const CALM_TIMEOUT = 500;
/** An answer left over, its spoiler, and what arrives together with the next request can cost a login each. */
const FIRST_IN_CALM = 4;

/**
 * A server that logs users in one after the other, as Prosody's stock module does, on two terminals of which each has a process
 * with an {@link AnswerPolicy}. Everything that can happen at the same time happens in an order that `next` chooses.
 */
export class SimulatedServer {
  /** What led to the first result that belongs to another login, though no signal came while an answer was on its way. */
  wrong: readonly string[] = [];
  /** How many logins got their own result. */
  right = 0;
  /** How many logins got another result since the calm began, but for the first ones of each terminal. */
  wrongInCalm = 0;
  isDisturbed = true;
  readonly terminals: readonly SimulatedTerminal[];
  readonly #trace: string[] = [];
  readonly #next: (bound: number) => number;
  readonly #disturbances: Disturbances;
  #state: 'idle' | 'sending' | 'sent' | 'waiting' | 'running' = 'idle';
  #isStopped = false;
  /** A signal that a stopped server handles when it continues. */
  #isInterrupted = false;
  #login: Login | undefined;
  #logins = 0;
  #waitsSince = 0;
  /** How often the server has done something. */
  #steps = 0;
  #now = 0;
  #read = 0;
  #written = 0;

  constructor(next: (bound: number) => number, disturbances: Disturbances, mutation: Mutation = {}) {
    this.#next = next;
    this.#disturbances = disturbances;
    const portOf = (terminal: SimulatedTerminal): TerminalPort => {
      const port = this.#portOf(terminal);
      return { ...port, ...mutation.port?.(port) };
    };
    this.terminals = [0, 1].map(() => new SimulatedTerminal(portOf, mutation));
  }

  /** Lets anything happen, once. */
  timeStep(): void {
    this.#happen();
    const terminal = this.#any();
    switch (this.#next(6)) {
      case 0:
      case 1:
        terminal.deliver();
        return;
      case 2:
        terminal.decide();
        return;
      case 3:
      case 4:
        this.#answer(terminal);
        return;
      default:
        if (this.isDisturbed && this.#next(30) === 0) {
          this.#note(terminal, 'restarts', '');
          terminal.restart();
        }
    }
  }

  /** The policy of one terminal has its turn. If the server is idle all the while, an answer that it has left is spoiled. */
  #answer(terminal: SimulatedTerminal): void {
    const isConfirmable = terminal.knowsLastAnswer && this.#now > terminal.answeredAt;
    if (terminal.answer() !== this.#steps || !isConfirmable || !terminal.knowsLastAnswer) return;
    terminal.isExcused = false;
    // Meanwhile the kernel has had the time to hand over the spoiler.
    terminal.carry();
  }

  #portOf(terminal: SimulatedTerminal): TerminalPort {
    const after = <Result>(act: () => Result): Result => {
      this.#happen();
      const result = act();
      this.#note(terminal, String(act).replace(/\s+/g, ' '), result);
      return result;
    };
    return {
      read: () => after(() => terminal.read()),
      look: () => after(() => this.#lookFrom(terminal)),
      traffic: () => after(() => ({ read: this.#read, written: this.#written })),
      write: (answer) => {
        after(() => {
          terminal.isAnswering = false;
          terminal.knowsLastAnswer = true;
          terminal.answeredAt = this.#now;
          terminal.answers.push(answer);
          if (this.#disturbances.isHidden) terminal.carry();
        });
      },
      clock: () => this.#now,
    };
  }

  #lookFrom(terminal: SimulatedTerminal): Sight {
    if (this.#disturbances.isHidden) return 'hidden';
    if (this.#state === 'idle' && !this.#isStopped) {
      terminal.seenIdleAt ??= this.#steps;
      return 'elsewhere';
    }
    // Only the first look counts: it is the one at the last answer.
    terminal.seenIdleAt ??= -1;
    if (this.#state !== 'waiting') return 'unclear';
    if (this.#login?.terminal !== terminal) return 'elsewhere';
    // It has been woken.
    if (terminal.isReadable) return 'unclear';
    terminal.isAnswering = true;
    return 'waiting';
  }

  /** What goes on beside the processes that answer: some of it, or nothing. */
  #happen(): void {
    for (let count = this.#next(5); count > 0; count -= 1) {
      if (this.#next(8) === 0) this.#now += 1;
      switch (this.#next(12)) {
        case 0:
          this.#any().carry();
          break;
        case 1:
          if (this.isDisturbed && this.#disturbances.signals) this.#signal();
          break;
        default:
          if (!this.#isStopped) this.#advance();
      }
    }
  }

  #signal(): void {
    if (this.#isStopped) {
      if (this.#next(4) === 0) this.#isInterrupted = true;
      else this.continue();
    } else if (this.#next(4) === 0) this.#isStopped = true;
    else if (this.#state === 'waiting') this.#stopWaiting();
  }

  /** Ends a stop. */
  continue(): void {
    this.#isStopped = false;
    if (this.#isInterrupted && this.#state === 'waiting') this.#stopWaiting();
    this.#isInterrupted = false;
  }

  #stopWaiting(): void {
    const { terminal } = this.#login ?? {};
    // The residual window: the signal comes while an answer is on its way.
    if (terminal?.hasAnswerUnderWay) terminal.isExcused = true;
    this.#note(terminal, 'gives up', terminal?.isExcused);
    this.#state = 'running';
  }

  #advance(): void {
    this.#steps += 1;
    switch (this.#state) {
      case 'idle':
        if (this.#next(8) === 0) this.#state = 'sending';
        return;
      case 'sending':
        this.#send();
        this.#state = 'sent';
        return;
      case 'sent':
        this.#waitsSince = this.#now;
        this.#state = 'waiting';
        return;
      case 'waiting':
        this.#wait();
        return;
      case 'running':
        // With more to do it does not sleep in between.
        this.#state = this.#next(2) === 0 ? 'sending' : 'idle';
    }
  }

  #send(): void {
    const terminal = this.#any();
    this.#logins += 1;
    // In a new password, a line end comes through.
    const kind = this.#next(this.#disturbances.isHidden ? 2 : 3);
    this.#login = { terminal, isGood: kind === 0 };
    const line = (result: 'good' | 'bad'): string => `isuser:${this.#logins}:${result}\n`;
    const text = [line('good'), line('bad'), line('bad') + line('good')][kind] ?? '';
    this.#written += text.length;
    this.#note(terminal, 'sends', text);
    // What was answered before has arrived by now.
    terminal.carry();
    const cut = this.#disturbances.isHidden ? 0 : this.#next(text.length);
    if (!this.isDisturbed) terminal.sentInCalm += 1;
    terminal.underWay.push(...[text.slice(0, cut), text.slice(cut)].filter((piece) => piece !== ''));
  }

  #wait(): void {
    const { terminal, isGood } = this.#login ?? {};
    if (terminal === undefined) return;
    const answers = terminal.takeReadable();
    if (answers.length > 0) {
      this.#read += 2 * answers.length;
      // Which of its reads was that of an answer can't be seen.
      for (const one of this.terminals) one.knowsLastAnswer = false;
      this.#note(terminal, 'reads', answers);
      this.#state = 'running';
      this.#judge(terminal, isGood === true, answers);
    } else if (this.#now - this.#waitsSince >= (this.isDisturbed ? TIMEOUT : CALM_TIMEOUT))
      this.#stopWaiting();
  }

  #judge(terminal: SimulatedTerminal, isGood: boolean, answers: readonly Answer[]): void {
    const [answer] = answers;
    const isAccepted = answers.length === 1 && answer === 'yes';
    if (isAccepted !== isGood && terminal.sentInCalm > FIRST_IN_CALM) this.wrongInCalm += 1;
    if (isAccepted === isGood) this.right += 1;
    else if (isAccepted && !terminal.isExcused && this.wrong.length === 0) this.wrong = [...this.#trace];
    terminal.isExcused = false;
  }

  #note(terminal: SimulatedTerminal | undefined, what: string, details: unknown): void {
    this.#trace.push(
      `${this.terminals.findIndex((one) => one === terminal)} ${what} ${JSON.stringify(details)}`,
    );
  }

  #any(): SimulatedTerminal {
    return this.terminals[this.#next(2)] ?? this.#any();
  }
}
