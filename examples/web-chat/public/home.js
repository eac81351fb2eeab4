import { loadSession, showProblem } from './session.js';

const session = await loadSession();
showProblem(session.problem);

document.getElementById('fetch').addEventListener('click', async () => {
  const response = await fetch('/xmpp-credentials');
  document.getElementById('credentials').textContent = JSON.stringify(await response.json(), null, 2);
});
