/** Why a credential was refused. */
export type CredentialRefusal =
  /** Not the 85 characters of the grammar: an ordinary password, perhaps. */
  | 'malformed-token'
  /** Signed for another JID, or with another `token_secret`. */
  | 'wrong-signature'
  /** Rightly signed, but the OTP is not of the previous, current or next time step. */
  | 'wrong-otp';

/** A credential that was found good. */
export interface AcceptedCredential {
  readonly accepted: true;
  /** The time step that the OTP belongs to (RFC 6238); the first, where by chance steps near it have the same OTP. */
  readonly timeStep: number;
  /** The signature's bytes as a string: no other token has the same. */
  readonly id: string;
}

/** A credential that was refused. */
export interface RefusedCredential {
  readonly accepted: false;
  readonly reason: CredentialRefusal;
}

/** What a check of a credential found. */
export type CredentialCheck = AcceptedCredential | RefusedCredential;
