// The upper bound for a server in Node: answers 1 to every line on a Unix socket, without reading it.
import { createServer } from 'node:net';

const LINE_FEED = 0x0a;

createServer((socket) => {
  socket.on('data', (chunk) => {
    let lines = 0;
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at + 1)) lines += 1;
    socket.write('1\n'.repeat(lines));
  });
  socket.on('error', () => socket.destroy());
}).listen(process.argv[2]);
