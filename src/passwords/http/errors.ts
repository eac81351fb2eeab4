import { codeOf, messageOf } from '../../errors.js';
import type { ExchangeError, Phase } from './exchange.js';

/**
 * Explains why an exchange failed, and what to do. Never quotes the message of an error: some contain what the server sent.
 *
 * @param isAborted whether the time was over, or nobody waited for the answer any more
 */
export function explainExchangeError(error: ExchangeError, isAborted: boolean): string {
  if (isAborted) return `no answer in time, while waiting for ${waits[error.phase]}`;
  const code = codeOf(error.cause);
  if (typeof code !== 'string' || !/^[A-Z][A-Z0-9_]*$/.test(code)) return 'the exchange failed';
  if (code.startsWith('HPE_')) {
    return `what it sends is not HTTP (${code}); if the port expects TLS, set passwords.url to https://`;
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    const [fault, fix] = resets[error.phase];
    return `${fault} (${code}); ${fix}`;
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) return explainTls(error.cause, code);
  return explanations[code] ?? `the connection failed (${code}); see that this machine can connect to it`;
}

const waits: Readonly<Record<Phase, string>> = {
  address: 'the address of the host: see that the name server in /etc/resolv.conf answers',
  connection: 'the connection: see that the host is up and that no firewall drops packets',
  'TLS handshake': 'the TLS handshake: see that the port expects TLS, and that the server is not overloaded',
  answer:
    'the status and headers: the application hangs or is too slow; see its log, or raise passwords.timeout',
  rest: 'the rest of the body: the application hangs or is too slow; see its log',
};

const early = 'it closed the connection before it answered';
const seeLog = 'see the log of the application';
const resets: Readonly<Record<Phase, readonly [fault: string, fix: string]>> = {
  address: [early, seeLog],
  connection: ['it closed the connection', 'see that the application runs, and that no firewall refuses it'],
  'TLS handshake': [
    'it closed the connection during the TLS handshake',
    'see that the port expects TLS, and the log of the server',
  ],
  answer: [early, `${seeLog}; if the port expects TLS, set passwords.url to https://`],
  rest: ['it closed the connection in the middle of the answer', seeLog],
};

/** Finds the reason of OpenSSL in the message: older releases of Node.js give many of them the code EPROTO. */
function explainTls(cause: unknown, code: string): string {
  const reason = messageOf(cause);
  if (/wrong version number|packet length too long|http request/.test(reason)) {
    return 'the port does not expect TLS; correct the port, or set passwords.url to http:// if it is on this machine';
  }
  if (/alert (?:protocol version|handshake failure)|unsupported protocol|no protocols/.test(reason)) {
    return 'it has no TLS version or cipher in common with Node.js; use TLS 1.2 or later there';
  }
  if (reason.includes('certificate required')) {
    return 'it demands a client certificate, which xtokend does not send; exempt this URL';
  }
  return `the TLS handshake failed (${code}); see the log of the server`;
}

const untrusted =
  'its certificate is signed by an unknown authority; set passwords.ca_file to the certificate of that CA (PEM), and see that the server sends its intermediate certificates';
const unreachable = 'the network has no route to it; see that the network is up, and correct passwords.url';
const noTcp =
  'this process may not use TCP; under systemd, install the drop-in passwords-http.conf (`xtokend check` prints the command)';
const noFiles = 'this process or the system has no free file descriptors; raise LimitNOFILE';

const explanations: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; start the application, or correct passwords.url',
  ENOTFOUND: 'no host has this name; correct passwords.url, or add the name to DNS or /etc/hosts',
  EAI_AGAIN:
    'the name server does not answer; see /etc/resolv.conf, and that the network is up and the systemd unit has PrivateNetwork=no',
  ETIMEDOUT: 'it accepts no connection; see that the host is up and that no firewall drops packets',
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  EADDRNOTAVAIL: unreachable,
  EACCES: noTcp,
  EPERM: noTcp,
  EAFNOSUPPORT: noTcp,
  EMFILE: noFiles,
  ENFILE: noFiles,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  CERT_HAS_EXPIRED:
    'its certificate, or that of its CA, has expired; renew it, and see that the clocks are right',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; see that the clocks of both machines are right',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'its certificate is for another name; use a name of the certificate in passwords.url, or add this one to the certificate',
  INVALID_PURPOSE: 'its certificate is not for TLS servers; sign one with the extended key usage serverAuth',
};
