// The session of the user in the web application: what the pages need to know of it, and its end.
import { revokeFastToken } from './fast-client.js';

const channel = new BroadcastChannel('sign-out');
// The other windows of this browser leave their page as well, which ends their connection.
channel.addEventListener('message', () => location.assign('/'));

/** Returns the user and the chat server, and fills in the header. */
export async function loadSession() {
  const session = await fetchJson('/session');
  document.getElementById('label').textContent = session.label;
  document.getElementById('sign-out').addEventListener('submit', (event) => signOut(event, session));
  return session;
}

/** Fetches JSON. If the web application refuses, goes to the sign-in page or shows why, and never returns. */
export async function fetchJson(path) {
  const response = await fetch(path);
  if (response.ok) return response.json();
  if (response.status === 401) location.assign('/');
  else showProblem(`Refused with status ${response.status}: ${await response.text()}`);
  return new Promise(() => undefined);
}

/** Shows what is wrong, such as what the chat server lacks. */
export function showProblem(text) {
  const element = document.getElementById('problem');
  element.textContent = text;
  element.hidden = text === undefined;
}

async function signOut(event, session) {
  event.preventDefault();
  const revoked = revokeFastToken(session).catch(console.error);
  // End the session first, so that it has ended even if this page is closed now, and no window can get another token.
  await fetch('/sign-out', { method: 'POST' }).catch(console.error);
  channel.postMessage('');
  await revoked;
  // Deletes what the other windows have stored when they left their page.
  event.target.submit();
}
