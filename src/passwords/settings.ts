/** The settings of the app passwords that `xtokend passwd` creates. */
export interface AppPasswordSettings {
  readonly kind: 'app-passwords';
  /** The file of their hashes. */
  readonly path: string;
}

/** The settings of a program that checks passwords by an external-auth protocol on pipes. */
export interface CommandSettings {
  readonly kind: 'command';
  /** The absolute path of the program, and its arguments. */
  readonly command: readonly [string, ...string[]];
  readonly protocol: 'generic' | 'ejabberd';
  /** How many child processes check passwords at the same time. */
  readonly processes: number;
}

/** The settings of an application that checks passwords over HTTP. */
export interface HttpSettings {
  readonly kind: 'http';
  readonly url: string;
  /** The bearer token (RFC 6750) that proves to the application that xtokend asks. */
  readonly token: string;
  /** The certificates of a private CA, in PEM; `undefined` for the authorities that Node.js knows. */
  readonly ca: string | undefined;
}

/** The settings of one back end. */
export type BackendSettings = AppPasswordSettings | CommandSettings | HttpSettings;

/** How many wrong passwords are allowed within a window of time. */
export interface ThrottleSettings {
  /** The length of the window, in milliseconds. */
  readonly window: number;
  /** For one user from one client address. */
  readonly userFromAddress: number;
  /** From one client address, over all users. */
  readonly address: number;
  /** For one user, over all client addresses. */
  readonly user: number;
}

/** How a host checks passwords. */
export interface PasswordSettings {
  /** In the order in which they are asked, at least one. */
  readonly backends: readonly BackendSettings[];
  /** How long the check of one password may take with all back ends, in milliseconds. */
  readonly timeout: number;
  readonly limits: ThrottleSettings;
}
