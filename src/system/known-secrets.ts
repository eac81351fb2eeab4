/** A shorter secret can occur in any message, and replacing it in a known message would reveal it. */
const MIN_CHARACTERS = 6;
const PLACEHOLDER = '[secret]';

/** Each bundle has modules of its own; this property of `globalThis` is shared. */
const SHARED = 'xtokend.known-secrets';

interface KnownSecrets {
  readonly forms: Set<string>;
  /** Matches every form; `undefined` after one was added. */
  pattern: RegExp | undefined;
}

/**
 * Registers a secret of the configuration. {@link withoutSecrets} replaces it until the process exits, even if a reload changes
 * the secret.
 */
export function rememberSecret(secret: string): void {
  if (secret.length < MIN_CHARACTERS) return;
  const known = knownSecrets();
  for (const form of formsOf(secret)) known.forms.add(form);
  known.pattern = undefined;
}

/**
 * Replaces each known secret in a text that is about to be logged or printed. Messages must not quote input anyway; this is a
 * second protection.
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

/** Returns the secret unencoded, as in a URL, and as in JSON. */
function formsOf(secret: string): string[] {
  return [secret, encodeURIComponent(Buffer.from(secret).toString()), JSON.stringify(secret).slice(1, -1)];
}

/** Sorts the longest forms first, since one can be the beginning of another. */
function patternOf(forms: ReadonlySet<string>): RegExp {
  const sorted = [...forms].sort((a, b) => b.length - a.length);
  return new RegExp(sorted.map((form) => form.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'g');
}
