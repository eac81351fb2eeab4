"""Checks passwords for xtokend over HTTP: python3 http_end.py TOKEN_FILE USERS_FILE [PORT]

TOKEN_FILE contains the bearer token, as the file that passwords.token_file names. USERS_FILE is JSON, made by
    python3 http_end.py --add USERS_FILE alice@example.com <password.txt
"""

import hashlib
import hmac
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def hash_password(password, salt):
    return hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), n=2**14, r=8, p=1).hex()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open
    timeout = 60

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        given = self.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {token}".encode()):
            return self.answer(401, {"error": "wrong bearer token"})
        question = json.loads(body)
        with open(users_file) as file:
            user = json.load(file).get(question["jid"])
        if question["operation"] == "isuser":
            return self.answer(200, {"accepted": user is not None})
        # An unknown user takes as long as a known one.
        salt, expected = (user["salt"], user["hash"]) if user else ("00" * 16, "")
        accepted = hmac.compare_digest(hash_password(question["password"], salt), expected)
        disabled = accepted and user.get("disabled", False)
        return self.answer(403 if disabled else 200, {"accepted": accepted and not disabled})

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def add_user(path, jid, password):
    users = json.load(open(path)) if os.path.exists(path) else {}
    salt = os.urandom(16).hex()
    users[jid] = {"salt": salt, "hash": hash_password(password, salt)}
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(users, file, indent=2)


if sys.argv[1] == "--add":
    add_user(sys.argv[2], sys.argv[3], sys.stdin.readline().rstrip("\n"))
else:
    token_file, users_file = sys.argv[1:3]
    with open(token_file) as file:
        token = file.read().strip()
    port = int(sys.argv[3]) if len(sys.argv) > 3 else 8080
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
