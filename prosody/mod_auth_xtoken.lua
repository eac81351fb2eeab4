-- mod_auth_xtoken: lets users log in with one-time tokens, which xtokend verifies. For Prosody 0.12 and 13.0.
--
--     authentication = "xtoken"
--     xtoken_command = "/usr/bin/xtokend"         -- the program, if Prosody starts it
--     xtoken_socket = "/run/xtokend/xtokend.sock" -- otherwise, path of `xtokend serve --listen unix:PATH`
--     xtoken_timeout = 5                          -- seconds that a login waits for the answer
--
-- In the same directory, xtoken_client.lib.lua connects to xtokend, xtoken_daemon.lib.lua starts it, and
-- xtoken_sessions.lib.lua ends the open sessions of blocked users. This file contains the settings, what clients see,
-- and what Prosody's log shows.

-- Prosody 13.0 prefixes the names of its own modules with "prosody.".
local function prosody_module(name)
	local found, result = pcall(require, "prosody." .. name);
	return found and result or require(name);
end

local async = prosody_module "util.async";
local modulemanager = prosody_module "core.modulemanager";
local portmanager = prosody_module "core.portmanager";
local plain = prosody_module "util.sasl.plain";
local sasl = prosody_module "util.sasl";

local function library(name)
	local is_installed, result = pcall(module.require, module, name);
	if is_installed then return result; end
	error("install " .. name .. ".lib.lua next to mod_auth_xtoken.lua, from the same version of xtokend: " .. result, 0);
end

local client = library "xtoken_client";
local check_sessions = library "xtoken_sessions";
local daemon = library "xtoken_daemon";

local MAX_LOGGED_BYTES = 256; -- of a user name
local MAX_ADDRESS_BYTES = 64;
local REVOCATION_SECONDS = 1; -- during which a user who is being revoked may still log in
local DEFAULT_TIMEOUT, MIN_TIMEOUT, MAX_TIMEOUT = 5, 0.1, 60; -- seconds

-- What clients see if a login fails (RFC 6120, section 6.5), by the flag of xtokend's answer. Without a flag, Prosody's
-- not-authorized remains, which does not help an attacker guess.
local FAILURES = {
	temp = { "temporary-auth-failure", "Logins cannot be checked at the moment; try again later." };
	expired = { "credentials-expired", "The token is too old or was used. Get a new one." };
	user_disabled = { "account-disabled", "This account is disabled." };
};
-- What clients see if another module accepted a login of a user whom xtokend does not know.
local CHECK_AGAIN = { "credentials-expired", "Log in with a new token." };

local named_socket = module:get_option_string("xtoken_socket");
if named_socket and module:get_option_array("xtoken_command") then
	module:log("warn", "xtoken_socket is set, so Prosody does not start xtokend. Remove xtoken_socket or xtoken_command");
end
client.socket_path = named_socket or daemon.use() or "/run/xtokend/xtokend.sock";
if daemon.is_used then client.daemon = daemon; end
local see_log = "see the log of xtokend: "
	.. (daemon.is_used and "Prosody's standard error, or syslog" or "journalctl -u xtokend");
-- Prosody 13.0 also accepts values such as "5s".
local get_period = module.get_option_period or module.get_option_number;
local timeout = get_period(module, "xtoken_timeout", DEFAULT_TIMEOUT) or DEFAULT_TIMEOUT;
if timeout < MIN_TIMEOUT or timeout > MAX_TIMEOUT then
	module:log("warn", "xtoken_timeout: expected %g to %g seconds, got %g; using %g",
		MIN_TIMEOUT, MAX_TIMEOUT, timeout, DEFAULT_TIMEOUT);
	timeout = DEFAULT_TIMEOUT;
end
client.timeout = timeout;
local allow_unencrypted = module:get_option_boolean("allow_unencrypted_plain_auth", false);

local function escape(bytes)
	return (bytes:gsub(".", function (byte) return ("\\x%02x"):format(byte:byte()); end));
end

-- Escapes and shortens a user name for the log, so that a client can't add a line, control a terminal or change the
-- writing direction. Escapes C0 and C1 controls, invisible characters, line separators and bidi controls.
local function printable(name)
	if #name > MAX_LOGGED_BYTES then
		name = name:sub(1, MAX_LOGGED_BYTES):gsub("[\192-\255][\128-\191]*$", "") .. "…";
	end
	for _, unsafe in ipairs {
		'[%c\\"]', "\194[\128-\159]", "\216\156", "\226\128[\139-\143\168-\174]", "\226\129[\160-\175]",
		"\239\187\191", "\243\160[\128-\191][\128-\191]",
	} do
		name = name:gsub(unsafe, escape);
	end
	return name;
end

local function from(address)
	return address and " from " .. printable(address) or "";
end

-- Logs why a login fails, because Prosody itself only logs that the client disconnects.
local function log_failure(username, address, answer)
	local login = "the login of " .. printable(username) .. "@" .. module.host .. from(address);
	if answer and answer.is_local then
		module:log("info", "refused %s without asking xtokend: %s", login, answer.reason);
		return;
	end
	local reason = answer and answer.reason or "no definite answer from xtokend";
	if reason == "throttled" then
		module:log("info", "xtokend refused %s for now: %s; %s", login, reason, see_log);
		return;
	end
	local event = answer and answer.flag ~= "temp" and "xtokend refused" or "could not check";
	module:log("info", "%s %s: %s; %s", event, login, reason, see_log);
end

-- Verifies a token. Returns whether xtokend accepted it, and otherwise the flag of its answer.
local function check_login(username, password, session)
	local fields = { username, module.host, "password=" .. password };
	local address = session.ip;
	if address and #address <= MAX_ADDRESS_BYTES and address:find("^[%w:.%%]+$") then
		table.insert(fields, "rip=" .. address);
	end
	if session.secure then table.insert(fields, "secured"); end
	local answer = client.ask("AUTH", fields);
	if answer and answer.is_accepted then return true; end
	log_failure(username, address, answer);
	return false, not answer and "temp" or answer.flag;
end

-- X-TOKEN is PLAIN (RFC 4616) under another name, so that clients send a token instead of a password.
plain.init(function (_, _, mechanism)
	sasl.registerMechanism("X-TOKEN", { "xtoken" }, mechanism);
end);

local has_warned = false;

-- Logs the cause and the fix once, because Prosody itself only warns that there are no mechanisms.
local function warn_of_unencrypted()
	if has_warned then return; end
	has_warned = true;
	module:log("warn", "not offering PLAIN and X-TOKEN on an unencrypted connection. Make clients use TLS. Behind a proxy "
		.. "that does TLS, set consider_websocket_secure or consider_bosh_secure, or else allow_unencrypted_plain_auth");
end

-- The modules for browsers, and the setting with which each trusts a proxy to do TLS. Prosody ignores it below a host.
local WEB = { { "websocket", "consider_websocket_secure" }, { "bosh", "consider_bosh_secure" } };

-- Warns of modules for browsers through which no client can log in. If Prosody serves HTTPS, clients may use that.
local function check_web()
	local requires_encryption = module:get_option_boolean("c2s_require_encryption",
		module:get_option_boolean("require_encryption", true));
	if allow_unencrypted and not requires_encryption or portmanager.get_active_services():get("https") then return; end
	for _, web in ipairs(WEB) do
		local name, setting = web[1], web[2];
		if modulemanager.is_loaded(module.host, name) and not module:context("*"):get_option_boolean(setting) then
			module:log("warn", "clients can't log in through mod_%s, because Prosody serves no HTTPS, unless a trusted "
				.. "proxy that does TLS sends X-Forwarded-Proto. If only that proxy can reach Prosody's HTTP port, "
				.. "set %s = true above all hosts", name, setting);
		end
	end
end

-- Before this event, not all modules are loaded.
if prosody.start_time then check_web(); else module:hook_global("server-started", check_web); end

local provider = {};

function provider.get_sasl_handler(session)
	-- A token needs the same protection as a password. On unencrypted connections, mod_saslauth disables PLAIN but not
	-- X-TOKEN, and mod_sasl2 accepts any mechanism of this handler.
	local encrypted = session and session.secure or allow_unencrypted;
	if not encrypted then warn_of_unencrypted(); end
	local mechanisms = encrypted and { PLAIN = true, ["X-TOKEN"] = true } or {};
	local failure;
	local function plain_test(_, username, password)
		local is_accepted, flag = check_login(username, password, session or {});
		failure = FAILURES[flag];
		return is_accepted, true;
	end
	-- mod_sasl_token, which belongs to mod_auth_token, replaces X-TOKEN by its own, which calls "token".
	local handler = sasl.new(module.host, { plain_test = plain_test, token = plain_test, mechanisms = mechanisms });
	handler.asks_xtokend = true;
	local process = handler.process;
	function handler:process(message)
		failure = nil;
		local status, condition, text = process(self, message);
		if status == "failure" and failure then return status, failure[1], failure[2]; end
		if condition == "malformed-request" then
			module:log("info", "refused a login at %s%s without asking xtokend: "
				.. "the user name or password is missing or too long, or contains characters that SASLprep or nodeprep forbids",
				module.host, from(session and session.ip));
		end
		return status, condition, text;
	end
	function handler.clean_clone()
		return provider.get_sasl_handler(session);
	end
	return handler;
end

local uncertain = setmetatable({}, { __mode = "k" }); -- threads whose last call of get_account_info got no answer

-- Returns the answer about a user, or nil if xtokend can't tell.
local function find_user(username)
	local answer = client.ask("USER", { username, module.host });
	return answer and answer.flag ~= "temp" and answer or nil, answer;
end

-- Returns what the client should see if xtokend doesn't confirm that a user exists and isn't blocked, otherwise nil.
local function check_user(username, session)
	local address = session.ip;
	local answer, uncertain_answer;
	-- Otherwise, mod_sasl2_fast may have accepted a token from before a revocation.
	if async.ready() and not uncertain[coroutine.running()] then answer, uncertain_answer = find_user(username); end
	if answer and answer.is_accepted then return nil; end
	log_failure(username, address, answer or uncertain_answer);
	return not answer and FAILURES.temp or FAILURES[answer.flag] or CHECK_AGAIN;
end

-- With SASL2 (XEP-0388), other modules can accept logins without this provider, such as mod_sasl2_fast (XEP-0484). This
-- runs before mod_sasl2 sends the success, and before mod_sasl2_sm resumes a session. Without mod_sasl2, it never runs.
module:hook("sasl2/c2s/success", function (event)
	local session = event.session;
	local handler = session.sasl_handler;
	local failure = not handler.asks_xtokend and check_user(handler.username, session);
	-- The client can have left in the meantime.
	if session.destroyed then return true; end
	-- Prosody has paused the connection while the login waited. It would stay paused if mod_sasl2_sm resumed a session,
	-- because the connection then belongs to that session, but Prosody continues the one of this login.
	if session.conn then session.conn:resume(); end
	if not failure then return nil; end
	module:fire_event("sasl2/c2s/failure", { session = session, message = failure[1], error_text = failure[2] });
	-- In older versions, mod_sasl2 keeps the handler, which would refuse each further attempt on this stream.
	if session.sasl_handler == handler then session.sasl_handler = nil; end
	return true;
end, 2000);

function provider.test_password(username, password)
	if not async.ready() then
		module:log("info", "could not check the login of %s@%s: Prosody called it from code that can't wait",
			printable(username), module.host);
		return nil, "A token can only be checked where Prosody can wait.";
	end
	return (check_login(username, password, {}));
end

-- Returns true without a request if Prosody can't wait here, or if xtokend is unavailable (waiting would block the
-- stream). Storing a message for an unknown user is less harmful than dropping one for a real user.
function provider.user_exists(username)
	if client.is_unavailable() or not async.ready() then return true; end
	local answer = find_user(username);
	return not answer or answer.is_accepted;
end

-- Returns whether a user may log in, and when the user was last revoked. mod_sasl2_fast and mod_tokenauth refuse what
-- they issued before password_updated.
function provider.get_account_info(username)
	if not async.ready() then return nil, "xtokend can only be asked where Prosody can wait."; end
	local answer = find_user(username);
	uncertain[coroutine.running()] = not answer or nil;
	if not answer then return nil, "xtokend can't tell at the moment."; end
	if not answer.is_accepted and answer.flag ~= "user_disabled" then return nil, "There is no such user."; end
	-- Until xtokend noticed the revocation, a login in progress could still receive a FAST token.
	local revoked_at = answer.revoked_at and answer.revoked_at + REVOCATION_SECONDS;
	return { enabled = answer.is_accepted, password_updated = revoked_at };
end

-- Returns nil if xtokend can't tell, so that callers refuse logins. Where Prosody can't wait, no user logs in.
function provider.is_enabled(username)
	if not async.ready() then return true; end
	local info, problem = provider.get_account_info(username);
	if not info then return nil, problem; end
	return info.enabled;
end

local NO_ACCOUNTS = "Accounts are managed by the application that signs the tokens.";

local function no_accounts()
	return nil, NO_ACCOUNTS;
end

provider.get_password, provider.set_password = no_accounts, no_accounts;
provider.create_user, provider.delete_user = no_accounts, no_accounts;
provider.enable, provider.disable = no_accounts, no_accounts;

-- Why users can't be listed, by the reason of xtokend's answer.
local LIST_PROBLEMS = {
	["no-user-list"] = 'xtokend keeps no list of users. Set users = "seen" or users = "file:/path" in its configuration.';
	["unsupported-operation"] = "this xtokend is too old. Upgrade it, and restart it.";
};

-- Returns an iterator over the names. Raises an error if it can't, because callers would take an empty list for a host
-- without users. Prosody's shell shows the error.
function provider.users()
	if not async.ready() then
		error('The users can\'t be listed, because Prosody can\'t wait here. Use "prosodyctl shell user list".', 0);
	end
	local names, is_listed, cursor = {}, {}, nil;
	repeat
		local answer = client.ask("LIST", { module.host, cursor and "after=" .. cursor });
		if not answer or not answer.is_accepted or answer.next == cursor and cursor then
			local reason = answer and answer.reason;
			error("The users can't be listed: " .. (LIST_PROBLEMS[reason]
				or (reason or "no answer from xtokend") .. "; " .. see_log), 0);
		end
		for _, name in ipairs(answer.users) do
			if not is_listed[name] then table.insert(names, name); end
			is_listed[name] = true;
		end
		cursor = answer.next;
	until not cursor;
	local index = 0;
	return function ()
		index = index + 1;
		return names[index];
	end;
end

check_sessions(client, printable, see_log);

function module.unload()
	client.close();
	daemon.release();
end

module:provides("auth", provider);
