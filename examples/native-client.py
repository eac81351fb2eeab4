"""Asks xtokend whether a login is valid or a user exists, in its native protocol (docs/native-protocol.md).

As a program, it reads the token from standard input, because other users can see the arguments:
    echo "$token" | python3 native-client.py /run/xtokend/xtokend.sock auth alice example.com
    python3 native-client.py /run/xtokend/xtokend.sock exists alice example.com
It exits with 0 if accepted, 1 if refused and 2 if xtokend could not decide.

As a module, Client sends many requests at a time on one connection.
"""

import asyncio
import logging
import re
import socket
import sys
from collections import namedtuple

log = logging.getLogger("native_client")
MAX_LINE = 4096
ESCAPES = {"\0": "0", "\x01": "1", "\t": "t", "\n": "n", "\r": "r"}
UNESCAPES = {code: char for char, code in ESCAPES.items()}
FLAGS = ("temp", "expired", "user_disabled")

# outcome is "ok", "refused" or one of FLAGS; temp also stands for a missing answer.
Result = namedtuple("Result", "accepted outcome reason")


class Lost(ConnectionError):
    """The connection failed before the answer."""
    resend = True  # false if this request caused it


def encode(*fields):
    """Returns one line, with its line feed. Raises ValueError if it is too long or not valid Unicode."""
    line = "\t".join(re.sub(r"[\0\x01\t\n\r]", lambda m: "\x01" + ESCAPES[m[0]], field) for field in fields).encode()
    if len(line) > MAX_LINE:
        raise ValueError("line too long")
    return line + b"\n"


def decode(line):
    """Returns the fields of one line without its line feed. Raises Lost if xtokend never sends such a line."""
    if len(line) > MAX_LINE or re.search(rb"[\0\r]|\x01(?![01tnr])", line):
        raise Lost("invalid byte or overlong line from xtokend")
    fields = line.decode(errors="replace").split("\t")
    return [re.sub(r"\x01(.)", lambda m: UNESCAPES[m[1]], field) for field in fields]


class Connection:
    """One connection with its own ids, so that no answer can reach a request of another connection."""

    async def open(self, path):
        self.loop, self.buffer, self.closed, self.last_id = asyncio.get_running_loop(), b"", False, 0
        self.pending, self.late, self.queue = {}, set(), asyncio.Queue()
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        try:
            await self.loop.sock_connect(self.sock, path)
            await self.loop.sock_sendall(self.sock, encode("VERSION", "1", "0"))
            hello = await self.read_line()
            if hello[:2] != ["VERSION", "1"]:
                raise Lost(f"VERSION 1 expected, got {hello!r}")
        except BaseException:
            self.sock.close()
            raise
        self.writer, self.reader = asyncio.create_task(self.write()), asyncio.create_task(self.read())
        return self

    async def read_line(self):
        while b"\n" not in self.buffer and len(self.buffer) <= MAX_LINE:
            if not (data := await self.loop.sock_recv(self.sock, 65536)):
                raise Lost("connection closed by xtokend")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return decode(line)

    async def write(self):
        try:
            while line := await self.queue.get():
                await self.loop.sock_sendall(self.sock, line)
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.closed = True  # no new requests; but read() still gets what xtokend sent before

    async def read(self):
        message, culprit = "closed", None
        try:
            while (fields := await self.read_line())[0] != "ERROR":
                self.handle(*fields)
            # All requests before the bad line are answered, so the lowest id left is the bad line.
            message, culprit = " ".join(fields), min([*self.pending, *self.late], default=None)
            log.error("xtokend: %r", message)
        except OSError as exc:
            message = str(exc)
        finally:
            self.closed = True
            self.writer.cancel()
            await asyncio.wait([self.writer])
            self.sock.close()
            for number, future in self.pending.items():
                if not future.done():
                    future.set_exception(lost := Lost(message))
                    lost.resend = number != culprit

    def handle(self, command, number="", *parameters):
        if command not in ("OK", "FAIL") or not re.fullmatch("[1-9][0-9]{0,14}", number):
            raise Lost("unknown line from xtokend")
        if (number := int(number)) in self.late:
            self.late.remove(number)
        elif not (future := self.pending.pop(number, None)):
            raise Lost("answer to an unknown id from xtokend")
        elif not future.done():
            values = dict(parameter.partition("=")[::2] for parameter in parameters)
            outcome = "ok" if command == "OK" else next((flag for flag in FLAGS if flag in values), "refused")
            future.set_result(Result(command == "OK", outcome, values.get("reason", "")))

    async def ask(self, command, *fields):
        line = encode(command, str(self.last_id + 1), *fields)
        self.last_id = number = self.last_id + 1
        future = self.pending[number] = self.loop.create_future()
        self.queue.put_nowait(line)  # whole lines in the order of their ids, even if this task is cancelled
        try:
            return await future
        finally:
            if self.pending.pop(number, None):
                self.late.add(number)  # timed out; its answer may still come


class Client:

    def __init__(self, path, timeout=5.0):
        self.path, self.timeout, self.connection, self.lock = path, timeout, None, asyncio.Lock()

    async def auth(self, user, host, password, address=None, secured=False):
        options = ([f"rip={address}"] if address else []) + ["secured"] * bool(secured)
        return await self.request("AUTH", user, host, "password=" + password, *options)

    async def exists(self, user, host):
        return await self.request("USER", user, host)

    async def request(self, *fields):
        try:
            return await asyncio.wait_for(self.send(fields), self.timeout)
        except (OSError, asyncio.TimeoutError) as exc:
            return Result(False, "temp", str(exc) or "no answer in time")
        except ValueError:  # sending it would end the connection for all others
            return Result(False, "refused", "not sent: too long or not valid Unicode")

    async def send(self, fields):
        try:
            return await (await self.connect()).ask(*fields)
        except Lost as exc:
            if not exc.resend:
                raise
        result = await (await self.connect()).ask(*fields)
        return result._replace(outcome="temp") if result.outcome == "expired" else result  # the first copy may have consumed it

    async def connect(self):
        async with self.lock:
            if not self.connection or self.connection.closed:
                self.connection = await Connection().open(self.path)
            return self.connection

    async def close(self):
        if self.connection and not self.connection.closed:
            self.connection.queue.put_nowait(b"")
            await asyncio.wait([self.connection.reader], timeout=self.timeout)
            self.connection.reader.cancel()


async def main(path, command, user, host):
    client = Client(path)
    token = command == "auth" and sys.stdin.buffer.readline().decode(errors="surrogateescape").rstrip("\r\n")
    result = await (client.exists(user, host) if token is False else client.auth(user, host, token))
    await client.close()
    print("accepted" if result.accepted else "refused " + ascii(result.reason)[1:-1])
    return 0 if result.accepted else 2 if result.outcome == "temp" else 1


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[2] not in ("auth", "exists"):
        sys.exit(print("usage: native-client.py SOCKET auth|exists USER HOST", file=sys.stderr) or 2)
    sys.exit(asyncio.run(main(*sys.argv[1:])))
