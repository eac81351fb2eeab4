import { describe, expect, it } from 'vitest';
import { isBearerToken, nameOfUrl, parseBackendUrl } from '../../../src/passwords/http/url.js';

describe('the URL of an application', () => {
  it.each([
    'https://app.example/auth',
    'https://app.example:8443/?rest_route=/xtokend/v1/auth',
    'HTTPS://APP.EXAMPLE',
    'https://192.0.2.1/',
    'http://127.0.0.1:8080/auth',
    'http://localhost/auth',
    'http://[::1]:8080/',
  ])('can be %s', (text) => {
    expect(parseBackendUrl(text).href).toBe(new URL(text).href);
  });

  it.each([
    ['', 'in ASCII without spaces'],
    [' https://app.example/', 'in ASCII without spaces'],
    ['https://app.example/\n', 'in ASCII without spaces'],
    ['https://аpp.example/', 'in ASCII without spaces'],
    ['https:\\\\app.example', 'without a backslash'],
    ['https:app.example', 'starts with https://'],
    ['app.example/auth', 'starts with https://'],
    ['ftp://app.example/', 'starts with https://'],
    ['https://', 'starts with https://'],
    ['https://app.example:port/', 'starts with https://'],
    ['https://secret@app.example/', 'without user and password; set token_file'],
    ['https://user:secret@app.example/', 'without user and password; set token_file'],
    ['https://app.example/#secret', 'without a fragment'],
    ['https://app.example/#', 'without a fragment'],
    ['http://app.example/', 'expected https://'],
    ['http://127.0.0.1.app.example/', 'expected https://'],
    ['http://localhost.app.example/', 'expected https://'],
    ['http://127.0.0.2/', 'expected https://'],
    ['http://[::2]/', 'expected https://'],
  ])('cannot be %j', (text, expected) => {
    expect(() => parseBackendUrl(text)).toThrow(expected);
    expect(() => parseBackendUrl(text)).not.toThrow('secret');
  });

  it('appears in messages without its query', () => {
    expect(nameOfUrl(new URL('https://app.example/auth?key=secret'))).toBe('https://app.example/auth?…');
    expect(nameOfUrl(new URL('https://app.example'))).toBe('https://app.example/');
  });
});

describe('a bearer token', () => {
  it.each([
    ['0123456789abcdef', true],
    ['~!"#$%&/()=?+*-_.:', true],
    ['0123456789abcde', false],
    ['', false],
    ['0123456789 abcdef', false],
    ['0123456789abcdef\n', false],
    ['0123456789abcdef\r\nX: y', false],
    ['0123456789abcdeé', false],
    ['0123456789abcdef\x7f', false],
  ])('%j: %s', (text, expected) => {
    expect(isBearerToken(text)).toBe(expected);
  });
});
