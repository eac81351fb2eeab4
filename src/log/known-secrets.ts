/** A shorter one could be part of any sentence, and a hole in a known sentence would give it away. */
const MIN_CHARACTERS = 6;
const PLACEHOLDER = '[secret]';

/** Each command is a bundle with modules of its own; all of them share this. */
const SHARED = 'xtokend.known-secrets';

interface KnownSecrets {
  readonly forms: Set<string>;
  /** Matches every form; `undefined` if there is none, or if one was added since. */
  pattern: RegExp | undefined;
}

/**
 * Remembers a secret of the configuration, so that {@link withoutSecrets} replaces it from now on, even after a reload that
 * changes it.
 */
export function rememberSecret(secret: string): void {
  if (secret.length < MIN_CHARACTERS) return;
  const known = knownSecrets();
  for (const form of formsOf(secret)) known.forms.add(form);
  known.pattern = undefined;
}

/**
 * Replaces each known secret in a text that is about to be logged or printed. This is the second line of defense: the first is
 * that no message quotes what comes from outside.
 */
export function withoutSecrets(text: string): string {
  const known = knownSecrets();
  if (known.forms.size === 0) return text;
  known.pattern ??= patternOf(known.forms);
  return text.replace(known.pattern, PLACEHOLDER);
}

function knownSecrets(): KnownSecrets {
  const shared = globalThis as Partial<Record<typeof SHARED, KnownSecrets>>;
  return (shared[SHARED] ??= { forms: new Set(), pattern: undefined });
}

/** As it is, in a URL, and in JSON and quoted fields. Most secrets are the same in all three, so that the pattern stays small. */
function formsOf(secret: string): string[] {
  return [secret, encodeURIComponent(Buffer.from(secret).toString()), JSON.stringify(secret).slice(1, -1)];
}

/** The longest come first: one can be the beginning of another. */
function patternOf(forms: ReadonlySet<string>): RegExp {
  const sorted = [...forms].sort((a, b) => b.length - a.length);
  return new RegExp(sorted.map((form) => form.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'g');
}
