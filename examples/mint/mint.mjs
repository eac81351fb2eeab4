// Mints a login token: node mint.mjs alice@example.com
// Needs no packages, and OTP_SEED and TOKEN_SECRET in the environment. The package xtokend has mintToken instead.
import { createHmac, randomInt } from 'node:crypto';

function mintToken(jid, now = Date.now(), nonce = randomNonce()) {
  // The chat server prepares user names before xtokend verifies the signature, so sign the prepared form.
  const prepared = jid.normalize('NFKC').toLowerCase();
  const { OTP_SEED, TOKEN_SECRET } = process.env;
  if (!OTP_SEED || !TOKEN_SECRET) throw new Error('OTP_SEED or TOKEN_SECRET is not set');
  const digits = totp(decodeBase32(OTP_SEED), now) + nonce;
  const signature = createHmac('sha256', TOKEN_SECRET).update(digits + prepared);
  return `${digits} ${signature.digest('base64')}`;
}

function totp(key, now) {
  const timeStep = Buffer.alloc(8);
  timeStep.writeBigUInt64BE(BigInt(Math.floor(now / 30_000)));
  const hash = createHmac('sha1', key).update(timeStep).digest();
  const number = hash.readUInt32BE(hash[19] & 15) & 0x7fffffff;
  return String(number % 1e8).padStart(8, '0');
}

function decodeBase32(text) {
  if (!/^[A-Z2-7]+=*$/.test(text)) throw new Error('OTP_SEED is not base32');
  const value = (letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter);
  const bits = Array.from(text.replace(/=+$/, ''), (letter) => value(letter).toString(2).padStart(5, '0'));
  const bytes = bits.join('').match(/.{8}/g);
  return Buffer.from(bytes.map((byte) => parseInt(byte, 2)));
}

function randomNonce() {
  return Array.from({ length: 32 }, () => randomInt(10)).join('');
}

const { MINT_TIME, MINT_NONCE } = process.env; // for the test vector only
console.log(mintToken(process.argv[2], MINT_TIME && MINT_TIME * 1000, MINT_NONCE));
