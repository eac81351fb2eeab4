import { fetchJson, loadSession, showProblem } from './session.js';

document.getElementById('fetch').addEventListener('click', async () => {
  const credentials = await fetchJson('/xmpp-credentials');
  document.getElementById('credentials').textContent = JSON.stringify(credentials, null, 2);
});

const { problem, fastProblem } = await loadSession();
showProblem(problem);
if (fastProblem !== problem) document.getElementById('fast').replaceWith(fastProblem);
