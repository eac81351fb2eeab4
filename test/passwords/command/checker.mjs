// Accepts alice@example.com with the password whose hexadecimal digits are its second argument. The first is its protocol.
import { readSync, writeSync } from 'node:fs';

const [protocol, hexadecimal] = process.argv.slice(2);
const password = Buffer.from(hexadecimal, 'hex').toString();
const isYes = (request) =>
  request === `auth:alice:example.com:${password}` || request === 'isuser:alice:example.com';

function read(length) {
  const bytes = Buffer.alloc(length);
  for (let from = 0; from < length;) {
    try {
      const count = readSync(0, bytes, { offset: from });
      if (count === 0) process.exit(0);
      from += count;
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
  return bytes;
}

for (;;) {
  if (protocol === 'ejabberd') {
    const request = read(read(2).readUInt16BE()).toString();
    writeSync(1, Buffer.from([0, 2, 0, isYes(request) ? 1 : 0]));
  } else {
    let line = Buffer.alloc(0);
    while (line.at(-1) !== 10) line = Buffer.concat([line, read(1)]);
    writeSync(1, isYes(line.toString().slice(0, -1)) ? '1\n' : '0\n');
  }
}
