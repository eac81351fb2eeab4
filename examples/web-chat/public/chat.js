// The page with Converse.js.
import converse from '/converse/converse.min.js';
import { loadSession, showProblem } from './session.js';

const { websocketUrl, jid, label, problem } = await loadSession();
showProblem(problem);

converse.plugins.add('session', {
  initialize() {
    const { api } = this._converse;
    // Without this, Converse.js would ask for a token every two seconds if the web application refuses, such as after the
    // user has signed out in another window, and go on as somebody else who has signed in there.
    api.listen.on('beforeFetchLoginCredentials', (_, request) => {
      const { onload } = request;
      request.onload = () => {
        const { status, responseText } = request;
        const isOther = status === 200 && JSON.parse(responseText).jid !== jid;
        if (isOther || status === 401) location.assign('/');
        else if (status >= 400 && status < 500) stop(`Refused with status ${status}: ${responseText}`);
        else onload();
      };
      return request;
    });
  },
});

if (problem === undefined) {
  converse.initialize({
    // These four log the user in, and again after each lost connection, with a new token.
    authentication: 'login',
    auto_login: true,
    credentials_url: '/xmpp-credentials',
    websocket_url: websocketUrl,

    nickname: label,
    assets_path: '/converse/',
    discover_connection_methods: false, // the address is known
    clear_cache_on_logout: true,
    allow_logout: false, // the application has its own button
    allow_user_trust_override: false,
    allow_contact_removal: false,
    show_controlbox_by_default: true,
    dark_theme: 'classic', // the other pages have no dark colours either
    view_mode: 'embedded', // in <converse-root>, below the header
    auto_insert: false,
    show_self_in_roster: false,
    blacklisted_plugins: [
      'converse-omemo',
      'converse-register',
      'converse-roomslist',
      'converse-bookmark-views',
    ],
    whitelisted_plugins: ['session'],
    loglevel: 'warn',
  });
}

/** Shows only what is wrong. */
function stop(text) {
  showProblem(text);
  document.querySelector('main').hidden = true;
}
