// The web application: signs users in, and gives them tokens for the chat server. This is the file to copy from.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import cookieSession from 'cookie-session';
import express from 'express';
import helmet from 'helmet';
import { mintToken } from 'xtokend';

/** The users of the demo. Your application has its own, with passwords. */
export const USERS = new Map([
  ['alice', 'Alice'],
  ['bob', 'Bob'],
  ['carol', 'Carol'],
]);

const SESSION_MILLISECONDS = 14 * 24 * 60 * 60 * 1000;

/**
 * Returns the web application.
 *
 * @param chat where the chat server is: `host`, `websocketUrl`, and optionally what it lacks: `problem`, `fastProblem`
 * @param secrets `otpSeed` and `tokenSecret`, which xtokend has as well, and the `sessionKey` that signs the cookies
 */
export function createApp(chat, { otpSeed, tokenSecret, sessionKey }) {
  const app = express();
  // Trust X-Forwarded-Proto from a reverse proxy on this machine.
  app.set('trust proxy', 'loopback');
  app.use(securityHeaders(chat.websocketUrl));
  app.use(sessions(sessionKey));
  app.use(express.static(join(import.meta.dirname, 'public')));
  app.use('/converse', express.static(directoryOf('converse.js/dist/converse.min.js')));
  app.use('/xmpp', express.static(directoryOf('@xmpp/client/dist/xmpp.min.js')));

  app.get(
    '/',
    page((user) => (user === undefined ? 'sign-in.html' : 'home.html')),
  );
  app.get(
    '/chat',
    page((user) => user && 'chat.html'),
  );
  app.get(
    '/fast',
    page((user) => user && 'fast.html'),
  );

  app.post('/sign-in', requireSameOrigin, express.urlencoded({ extended: false }), (request, response) => {
    const user = request.body?.user;
    // Check the password here.
    if (!USERS.has(user)) return response.sendStatus(403);
    // The pages of another user can be open in other windows, so that user must sign out first.
    if (userOf(request) !== undefined) return response.redirect(303, '/');
    request.session = { user, since: Date.now() };
    // The previous user's session can have expired without a sign-out.
    response.set('Clear-Site-Data', '"storage"').redirect(303, '/');
  });

  app.post('/sign-out', requireSameOrigin, (request, response) => {
    request.session = null;
    // The browser deletes the chats that Converse.js has stored, and all else that the pages of this site have.
    response.set('Clear-Site-Data', '"storage"').redirect(303, '/');
  });

  app.get('/session', requireSameOrigin, requireUser, (request, response) => {
    const { user } = response.locals;
    const contacts = Array.from(USERS, ([name, label]) => ({ jid: `${name}@${chat.host}`, label }));
    response.json({ user, label: USERS.get(user), jid: `${user}@${chat.host}`, contacts, ...chat });
  });

  // The token endpoint. Converse.js fetches it for each login, with GET, and expects these two names.
  app.get('/xmpp-credentials', requireSameOrigin, requireUser, (request, response) => {
    // The user is the one of the session, and never one that the request names.
    const jid = `${response.locals.user}@${chat.host}`;
    response.json({ jid, password: mintToken({ jid, otpSeed, tokenSecret }) });
  });
  return app;
}

/** Limits what the browser loads, so that a script injected into a page can't run. */
function securityHeaders(websocketUrl) {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"], // Converse.js makes styles as it goes
        imgSrc: ["'self'", 'data:', 'blob:'],
        fontSrc: ["'self'", 'data:'],
        mediaSrc: ["'self'"],
        connectSrc: ["'self'", new URL(websocketUrl).origin],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
  });
}

/** Keeps the session in a cookie that is signed, so that nobody can change it. */
function sessions(sessionKey) {
  const isPublic = process.env.NODE_ENV === 'production';
  return cookieSession({
    name: isPublic ? '__Host-web-chat-session' : 'web-chat-session', // __Host-: sibling domains can't set it
    keys: [sessionKey],
    maxAge: SESSION_MILLISECONDS,
    httpOnly: true, // scripts can't read it
    sameSite: 'lax', // other sites' forms and scripts don't send it
    secure: isPublic, // only over HTTPS
  });
}

/** Returns the signed-in user, or `undefined`. */
function userOf({ session }) {
  // The signature of a copied cookie never expires, so check the age of the session as well.
  const isCurrent = Date.now() - session.since < SESSION_MILLISECONDS;
  return isCurrent && USERS.has(session.user) ? session.user : undefined;
}

/** Refuses requests without a signed-in user with 401. */
function requireUser(request, response, next) {
  const user = userOf(request);
  response.set('Cache-Control', 'no-store');
  if (user === undefined) return response.sendStatus(401);
  response.locals.user = user;
  next();
}

/**
 * Refuses requests from pages of other sites with 403, including sibling domains and other ports. Browsers send this header
 * with each request, but over plain HTTP only to their own machine. No page can change it.
 */
function requireSameOrigin(request, response, next) {
  if (request.get('Sec-Fetch-Site') === 'same-origin') return next();
  response
    .status(403)
    .type('text/plain')
    .send('Expected a request from a page of this site, over HTTPS or on 127.0.0.1.');
}

/** Returns a handler that sends the page which `choose` names for a user, or else the start page. */
function page(choose) {
  return (request, response) => {
    const name = choose(userOf(request));
    response.set('Cache-Control', 'no-store');
    if (name === undefined) return response.redirect(303, '/');
    response.sendFile(join(import.meta.dirname, 'pages', name), { cacheControl: false });
  };
}

/** Returns the directory of a file of a package. */
function directoryOf(specifier) {
  return dirname(fileURLToPath(import.meta.resolve(specifier)));
}
