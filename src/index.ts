export { mintToken, type MintOptions } from './credential/mint.js';
export { verifyToken, type VerifyOptions } from './credential/verify.js';
export type { CredentialCheck, CredentialRefusal } from './credential/credential-check.js';
export type { KeyText } from './credential/key-text.js';
export { normalizeJid } from './credential/jid/jid.js';
export { generateSecret } from './credential/secrets.js';
export { InvalidJidError, InvalidSecretError, XtokendError } from './errors.js';
