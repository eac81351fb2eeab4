import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory, temporaryFile } from '../../support/directory.js';
import { hasProgram, requirePackage } from '../../support/run/requirements.js';
import { open, patience, runAlone } from './ends.js';
import { answer, RawServer, YES } from './raw-server.js';

const LOGIN = { user: 'alice', host: 'example.com', password: 'password' };
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function openssl(directory: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { cwd: directory, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

interface Certificate {
  readonly key: string;
  readonly cert: string;
  /** Of the CA that signed it. */
  readonly ca: string;
}

/** Makes a CA, and a certificate of a server that it signs. */
function makeCertificate(name = 'IP:127.0.0.1', validity: readonly string[] = ['-days', '2']): Certificate {
  const directory = temporaryDirectory();
  const self = ['-x509', '-days', '2', '-subj', '/CN=Test CA', '-keyout', 'ca.key', '-out', 'ca.pem'];
  openssl(directory, ['req', ...NEW_KEY, ...self]);
  openssl(directory, ['req', ...NEW_KEY, '-subj', '/CN=server', '-keyout', 'key.pem', '-out', 'request.pem']);
  writeFileSync(join(directory, 'extensions'), `subjectAltName=${name}\nextendedKeyUsage=serverAuth\n`);
  const signed = ['-in', 'request.pem', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
  openssl(directory, ['x509', '-req', ...signed, ...validity, '-extfile', 'extensions', '-out', 'cert.pem']);
  const read = (file: string): string => readFileSync(join(directory, file), 'utf8');
  return { key: read('key.pem'), cert: read('cert.pem'), ca: read('ca.pem') };
}

/** Starts a server that accepts every password. Returns its address. */
async function start(certificate?: Certificate): Promise<RawServer> {
  return RawServer.start((socket) => socket.write(answer(200, YES)), certificate);
}

const verify = (url: string, ca?: string): Promise<string> => open(url, { ca }).verify(LOGIN, patience());

beforeEach((context) => {
  requirePackage(context, hasProgram('openssl'), 'openssl');
});

describe('over TLS, a server', () => {
  it('is trusted if the CA of ca_file signed its certificate', async () => {
    const certificate = makeCertificate();
    const server = await start(certificate);
    const backend = open(`https://127.0.0.1:${server.port}`, { ca: certificate.ca });
    for (let count = 0; count < 3; count += 1)
      expect(await backend.verify(LOGIN, patience())).toBe('accepted');
    expect(server.connections).toBe(3);
  });

  it.each([
    ['that Node.js knows', () => undefined],
    ['of another file', () => makeCertificate().ca],
    ['of an empty file', () => ''],
    ['of a file without certificates', () => 'no certificate\n'],
  ])('is not trusted by a CA %s', async (_, ca) => {
    const server = await start(makeCertificate());
    await expect(verify(`https://127.0.0.1:${server.port}`, ca())).rejects.toThrow(
      'signed by an unknown authority; set passwords.ca_file',
    );
    expect(server.requests).toEqual([]);
  });

  it('is trusted by the authorities of Node.js only without ca_file', async () => {
    const certificate = makeCertificate();
    const server = await start(certificate);
    const url = `https://127.0.0.1:${server.port}`;
    const env = { NODE_EXTRA_CA_CERTS: temporaryFile(certificate.ca, 'ca.pem') };
    expect(await runAlone({ url }, env)).toEqual({ output: 'accepted\n', status: 0 });
    for (const ca of [makeCertificate().ca, '', 'no certificate']) {
      expect((await runAlone({ url, ca }, env)).output).toContain('unknown authority');
    }
    expect(server.requests).toHaveLength(1);
  });

  it('is not trusted because of the environment', async () => {
    const server = await start(makeCertificate());
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    onTestFinished(() => {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    });
    await expect(verify(`https://127.0.0.1:${server.port}`)).rejects.toThrow('unknown authority');
    expect(server.requests).toEqual([]);
  });

  it('is not trusted if its certificate is for another name', async () => {
    const certificate = makeCertificate('DNS:app.example,IP:127.0.0.2');
    const server = await start(certificate);
    await expect(verify(`https://127.0.0.1:${server.port}`, certificate.ca)).rejects.toThrow(
      'for another name',
    );
    expect(server.requests).toEqual([]);
  });

  it('is not trusted if its certificate has expired', async () => {
    const certificate = makeCertificate('IP:127.0.0.1', ['-days', '-1']);
    const server = await start(certificate);
    await expect(verify(`https://127.0.0.1:${server.port}`, certificate.ca)).rejects.toThrow('has expired');
    expect(server.requests).toEqual([]);
  });

  it('that does not expect TLS is reported', async () => {
    const server = await RawServer.start(() => undefined);
    server.answerUnparsed = answer(400, '');
    await expect(verify(`https://127.0.0.1:${server.port}`)).rejects.toThrow('the port does not expect TLS');
  });

  it('that demands TLS is reported', async () => {
    const server = await start(makeCertificate());
    await expect(verify(server.url)).rejects.toThrow('set passwords.url to https://');
  });

  it('that closes the connection within the handshake is reported', async () => {
    const server = await RawServer.start(() => undefined);
    server.answerUnparsed = '';
    await expect(verify(`https://127.0.0.1:${server.port}`)).rejects.toThrow('during the TLS handshake');
  });

  it('that is silent within the handshake is reported when the time is over', async () => {
    const server = await RawServer.start(() => undefined);
    const backend = open(`https://127.0.0.1:${server.port}`);
    await expect(backend.verify(LOGIN, patience(500))).rejects.toThrow('while waiting for the TLS handshake');
  });
});
