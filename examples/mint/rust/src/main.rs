//! Mints a login token: cargo run alice@example.com
//!
//! Needs the packages in Cargo.toml, and OTP_SEED and TOKEN_SECRET in the environment.

use data_encoding::{BASE32_NOPAD, BASE64};
use hmac::{Hmac, Mac};
use rand::{rngs::OsRng, Rng};
use sha2::Sha256;
use std::{env, error::Error, time::SystemTime};
use totp_rs::{Algorithm, TOTP};
use unicode_normalization::UnicodeNormalization;

pub fn mint_token(jid: &str) -> Result<String, Box<dyn Error>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let nonce: String = (0..32).map(|_| OsRng.gen_range('0'..='9')).collect();
    mint_token_at(jid, now.as_secs(), &nonce)
}

fn mint_token_at(jid: &str, now: u64, nonce: &str) -> Result<String, Box<dyn Error>> {
    // The chat server prepares user names before xtokend verifies the signature, so sign the prepared form.
    let jid = jid.nfkc().collect::<String>().to_lowercase();
    let seed = BASE32_NOPAD.decode(secret("OTP_SEED")?.trim_end_matches('=').as_bytes())?;
    // This refuses a seed of less than 26 characters.
    let totp = TOTP::new(Algorithm::SHA1, 8, 1, 30, seed).map_err(|error| format!("{error:?}"))?;
    let otp = totp.generate(now);
    let mut mac = Hmac::<Sha256>::new_from_slice(secret("TOKEN_SECRET")?.as_bytes())?;
    mac.update(format!("{otp}{nonce}{jid}").as_bytes());
    let signature = BASE64.encode(&mac.finalize().into_bytes());
    Ok(format!("{otp}{nonce} {signature}"))
}

fn secret(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set"))
}

fn main() -> Result<(), Box<dyn Error>> {
    let jid = env::args().nth(1).ok_or("expected a JID")?;
    // MINT_TIME and MINT_NONCE are for the test vector only.
    let token = match env::var("MINT_TIME") {
        Ok(time) => mint_token_at(&jid, time.parse()?, &env::var("MINT_NONCE")?)?,
        Err(_) => mint_token(&jid)?,
    };
    println!("{token}");
    Ok(())
}
