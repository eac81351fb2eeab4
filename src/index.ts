export { mintToken, type MintOptions } from './credential/mint.js';
export { verifyToken, type VerifyOptions } from './credential/verify.js';
export type { CredentialCheck, CredentialRefusal } from './credential/check.js';
export { generateSecret, type KeyText } from './credential/key.js';
export { normalizeJid } from './credential/jid/jid.js';
export { InvalidJidError, InvalidSecretError, XtokendError, type ErrorCode } from './errors.js';
export {
  createAppPassword,
  listAppPasswords,
  removeAppPassword,
  type AppPassword,
  type CreateAppPasswordOptions,
  type CreatedAppPassword,
  type ListAppPasswordsOptions,
  type RemoveAppPasswordOptions,
} from './passwords/app-passwords/library.js';
