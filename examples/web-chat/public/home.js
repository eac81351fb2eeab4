import { loadSession, showProblem } from './session.js';

const session = await loadSession();
showProblem(session.problem);
if (session.fastProblem !== session.problem) document.getElementById('fast').replaceWith(session.fastProblem);

document.getElementById('fetch').addEventListener('click', async () => {
  const response = await fetch('/xmpp-credentials');
  document.getElementById('credentials').textContent = JSON.stringify(await response.json(), null, 2);
});
