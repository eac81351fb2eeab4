"""Mints a login token: python3 mint.py alice@example.com

Needs pyotp (Debian: python3-pyotp), and OTP_SEED and TOKEN_SECRET in the environment.
"""

import base64
import hmac
import os
import secrets
import sys
import time
import unicodedata

import pyotp


def mint_token(jid, now=None, nonce=None):
    # The chat server prepares user names before xtokend verifies the signature, so sign the prepared form.
    jid = unicodedata.normalize("NFKC", jid).lower()
    time_step = int(time.time() if now is None else now) // 30
    # totp.now() is wrong for an hour when summer time ends, because it uses the local time.
    otp = pyotp.TOTP(os.environ["OTP_SEED"], digits=8).generate_otp(time_step)
    nonce = nonce or f"{secrets.randbelow(10**32):032}"
    signature = hmac.digest(os.environ["TOKEN_SECRET"].encode(), (otp + nonce + jid).encode(), "sha256")
    return f"{otp}{nonce} {base64.b64encode(signature).decode()}"


if __name__ == "__main__":
    now = os.environ.get("MINT_TIME")  # MINT_TIME and MINT_NONCE are for the test vector only.
    print(mint_token(sys.argv[1], now and int(now), os.environ.get("MINT_NONCE")))
