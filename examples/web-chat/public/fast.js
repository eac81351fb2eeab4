// The page with xmpp.js: shows the chat and the steps of each login.
import { createClient } from './fast-client.js';
import { loadSession, showProblem } from './session.js';

const { xml } = globalThis.XMPP;
const session = await loadSession();
const element = (id) => document.getElementById(id);

if (session.fastProblem === undefined) start();
else {
  showProblem(session.fastProblem);
  element('client').hidden = true;
}

function start() {
  const xmpp = createClient(session, (step) => addLine('steps', step));
  const online = (step) => {
    addLine('steps', step);
    element('status').textContent = 'online';
  };
  xmpp.on('online', () => {
    online('Logged in.');
    xmpp.send(xml('presence'));
  });
  xmpp.streamManagement.on('resumed', () => online('Logged in, and resumed the session.'));
  xmpp.on('disconnect', () => {
    element('status').textContent = 'offline';
    addLine('steps', 'Lost the connection.');
  });
  xmpp.on('stanza', (stanza) => {
    const body = stanza.is('message') && stanza.attrs.type === 'chat' && stanza.getChildText('body');
    if (body) addLine('messages', body, labelOf(stanza.attrs.from));
  });
  xmpp.on('error', ({ condition }) => {
    if (condition === 'account-disabled') showProblem('The chat server has blocked this account.');
  });
  compose(xmpp);
  element('drop').addEventListener('click', () => xmpp.disconnect());
  // An error is shown as a step.
  xmpp.start().catch(() => undefined);
}

function compose(xmpp) {
  const form = element('compose');
  for (const { jid, label } of session.contacts) {
    if (jid !== session.jid) form.elements.to.add(new Option(`To ${label}`, jid));
  }
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { to, body } = form.elements;
    await xmpp.send(
      xml('message', { to: to.value, type: 'chat', id: crypto.randomUUID() }, xml('body', {}, body.value)),
    );
    addLine('messages', body.value, session.label);
    body.value = '';
  });
}

function labelOf(jid) {
  return session.contacts.find((contact) => jid.startsWith(`${contact.jid}/`))?.label ?? jid;
}

/** Appends a line to a list. Text from others must never become HTML. */
function addLine(list, text, author) {
  const line = document.createElement('li');
  if (author !== undefined) {
    const name = document.createElement('b');
    name.textContent = author;
    line.append(name, ' ');
  }
  line.append(text);
  element(list).append(line);
  element(list).scrollTop = element(list).scrollHeight;
}
