-- mod_auth_xtoken: lets users log in with one-time tokens, which xtokend verifies. For Prosody 0.12 and 13.0.
--
--     authentication = "xtoken"
--     xtoken_socket = "/run/xtokend/xtokend.sock" -- path of `xtokend serve --listen unix:PATH`
--     xtoken_timeout = 5                          -- seconds that a login waits for the answer
--
-- A request is one line, and its answer is one line: 1 or 0. Only the order of the answers links them to the requests.
-- So if an answer is late or invalid, this module closes the connection, and no request can get the answer to another.

-- Prosody 13.0 prefixes the names of its own modules with "prosody.".
local function prosody_module(name)
	local found, result = pcall(require, "prosody." .. name);
	return found and result or require(name);
end

local async = prosody_module "util.async";
local plain = prosody_module "util.sasl.plain";
local sasl = prosody_module "util.sasl";
local server = prosody_module "net.server";
local time = prosody_module "util.time";
local timer = prosody_module "util.timer";
local unix = require "socket.unix";

local MAX_REQUEST_BYTES = 4096; -- xtokend refuses longer requests
local MIN_RETRY_DELAY, MAX_RETRY_DELAY = 0.05, 0.5; -- seconds between attempts to connect
local MAX_LOGGED_BYTES = 256; -- of a user name
local DEFAULT_TIMEOUT, MIN_TIMEOUT, MAX_TIMEOUT = 5, 0.1, 60; -- seconds

local socket_path = module:get_option_string("xtoken_socket", "/run/xtokend/xtokend.sock");
-- Prosody 13.0 also accepts values such as "5s".
local get_period = module.get_option_period or module.get_option_number;
local timeout = get_period(module, "xtoken_timeout", DEFAULT_TIMEOUT) or DEFAULT_TIMEOUT;
if timeout < MIN_TIMEOUT or timeout > MAX_TIMEOUT then
	module:log("warn", "xtoken_timeout: expected %g to %g seconds, got %g; using %g",
		MIN_TIMEOUT, MAX_TIMEOUT, timeout, DEFAULT_TIMEOUT);
	timeout = DEFAULT_TIMEOUT;
end
local allow_unencrypted = module:get_option_boolean("allow_unencrypted_plain_auth", false);

local counts = module:metric("counter", "requests", "", "Requests to xtokend", { "operation", "outcome" });
local durations = module:metric("histogram", "duration", "seconds", "Time until xtokend answered", { "operation" },
	{ buckets = { 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5 } });

local connection; -- to xtokend, if there is one
local is_open = false; -- true once the connection can be written to
local listeners = {}; -- handlers of the connection's events
local requests = {}; -- requests without an answer, the oldest first
local received = ""; -- input that is not a whole answer yet
local retry_delay = MIN_RETRY_DELAY; -- seconds until the next attempt to connect
local retry; -- timer of that attempt
local is_unavailable = false; -- true from the logged error until the next answer
local is_unloaded = false; -- streams that were opened before can still send requests

-- Completes a request with true (accepted), false (refused) or nil (unanswered).
local function finish(request, result)
	timer.stop(request.timer);
	-- A refusal of a resent request is uncertain: xtokend may have accepted the first copy, and its answer was lost.
	if result == false and request.was_resent then result = nil; end
	request.result = result;
	-- An error in the code that resumes here must not affect other requests.
	local ok, problem = pcall(request.done);
	if not ok then module:log("error", "uncaught error after an answer from xtokend: %s", problem); end
end

local connect;

-- Closes the connection, and schedules a new one if requests are pending. Requests that were sent once are resent,
-- because xtokend may have been restarted before it read them.
local function reset_connection(problem)
	local lost, old = connection, requests;
	connection, is_open, requests = nil, false, {};
	if lost then lost:close(); end
	local abandoned = {};
	for _, request in ipairs(old) do
		local was_sent_twice = request.sent and request.was_resent;
		request.was_resent, request.sent = request.sent or request.was_resent, false;
		table.insert(was_sent_twice and abandoned or requests, request);
	end
	if not is_unavailable then
		is_unavailable = true;
		module:log("error", "xtokend does not answer at %s: %s. Until it does, logins fail with temporary-auth-failure. "
			.. "Check that it runs (systemctl status xtokend), that it listens there, and that this user may connect (ls -l %s)",
			socket_path, problem, socket_path);
	end
	if #requests > 0 and not retry then
		retry = timer.add_task(retry_delay, connect);
		retry_delay = math.min(retry_delay * 2, MAX_RETRY_DELAY);
	end
	for _, request in ipairs(abandoned) do finish(request, nil); end
end

local function send_all()
	local lines = {};
	for _, request in ipairs(requests) do
		if not request.sent then
			request.sent = true;
			table.insert(lines, request.line);
		end
	end
	if lines[1] then connection:write(table.concat(lines)); end
end

function connect()
	retry, received = nil, "";
	if connection or #requests == 0 then return; end
	local socket, problem = (unix.stream or unix)();
	local ok = socket and socket:settimeout(0);
	if ok then ok, problem = socket:connect(socket_path); end
	if ok then connection, problem = server.wrapclient(socket, socket_path, 0, listeners, "*a"); end
	if connection then return; end
	if socket then socket:close(); end
	reset_connection(problem);
end

function listeners.onconnect(conn)
	if conn ~= connection then return; end
	is_open = true;
	send_all();
end

function listeners.onincoming(conn, data)
	if conn ~= connection then return; end
	received = received .. data;
	-- The code that resumes with an answer can send a request, which can replace the connection.
	while conn == connection and #received >= 2 do
		local answer, request = received:sub(1, 2), requests[1];
		received = received:sub(3);
		if (answer ~= "1\n" and answer ~= "0\n") or not (request and request.sent) then
			return reset_connection("invalid answer: another program listens there, or the protocol is not generic");
		end
		if is_unavailable then module:log("info", "xtokend answers again"); end
		is_unavailable, retry_delay = false, MIN_RETRY_DELAY;
		table.remove(requests, 1);
		finish(request, answer == "1\n");
	end
end

function listeners.ondisconnect(conn, problem)
	if conn ~= connection then return; end
	connection, is_open = nil, false;
	-- Without pending requests this is not an error: the next request opens a new connection.
	if #requests > 0 then reset_connection(problem or "the connection was closed"); end
end

function listeners.onreadtimeout()
	return true; -- keeps an idle connection open
end

local function time_out(request)
	for index, other in ipairs(requests) do
		if other == request then table.remove(requests, index); end
	end
	if request.sent then reset_connection(("no answer within %g s"):format(timeout)); end
	finish(request, nil);
end

-- Sends a request to xtokend, and yields until the answer.
-- Returns true (accepted), false (refused) or nil (no answer, or an uncertain one). If it refuses a request without
-- sending it, it also returns the reason.
local function ask(operation, username, password)
	if is_unloaded then return nil; end
	-- A line break would split the request in two, and a colon in the user name would shift the fields.
	local fields = { operation, username, module.host, password };
	local line = table.concat(fields, ":");
	if #line > MAX_REQUEST_BYTES or line:find("%c") or username:find(":", 1, true) then
		return false, "the user name or password is too long or contains a control character";
	end
	local wait, done = async.waiter();
	local request = { line = line .. "\n", done = done };
	local start = time.monotonic();
	request.timer = timer.add_task(timeout, function () time_out(request); end);
	table.insert(requests, request);
	if is_open then send_all(); elseif not (connection or retry) then connect(); end
	wait();
	local result = request.result;
	counts:with_labels(operation, result and "accepted" or result == false and "refused" or "unanswered"):add(1);
	durations:with_labels(operation):sample(time.monotonic() - start);
	return result;
end

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
		'[%c\\"]', "\194[\128-\159]", "\226\128[\139-\143\168-\174]", "\226\129[\160-\175]",
		"\239\187\191", "\243\160[\128-\191][\128-\191]",
	} do
		name = name:gsub(unsafe, escape);
	end
	return name;
end

-- Verifies a token. Logs why a login fails, because Prosody itself only logs that the client disconnects.
local function check_login(username, password)
	local result, problem = ask("auth", username, password);
	local jid = printable(username) .. "@" .. module.host;
	if problem then
		module:log("info", "refused the login of %s without asking xtokend: %s", jid, problem);
	elseif result == false then
		module:log("info", "xtokend refused the login of %s; its log has the reason: journalctl -u xtokend", jid);
	elseif result == nil then
		module:log("info", "could not check the login of %s: no certain answer from xtokend at %s; "
			.. "see its log: journalctl -u xtokend", jid, socket_path);
	end
	return result;
end

-- X-TOKEN is PLAIN (RFC 4616) under another name, so that clients send a token instead of a password.
plain.init(function (_, _, mechanism)
	sasl.registerMechanism("X-TOKEN", { "xtoken" }, mechanism);
end);

local function plain_test(handler, username, password)
	local result = check_login(username, password);
	handler.is_unanswered = result == nil;
	return result == true, true;
end

local has_warned = false;

-- Logs the cause and the fix once, because Prosody itself only warns that there are no mechanisms.
local function warn_of_unencrypted()
	if has_warned then return; end
	has_warned = true;
	module:log("warn", "not offering PLAIN and X-TOKEN on an unencrypted connection. Make clients use TLS. Behind a proxy "
		.. "that does TLS, set consider_websocket_secure or consider_bosh_secure, or else allow_unencrypted_plain_auth");
end

local provider = {};

function provider.get_sasl_handler(session)
	-- A token needs the same protection as a password. On unencrypted connections, mod_saslauth disables PLAIN but not
	-- X-TOKEN, and mod_sasl2 accepts any mechanism of this handler.
	local encrypted = session and session.secure or allow_unencrypted;
	if not encrypted then warn_of_unencrypted(); end
	local mechanisms = encrypted and { PLAIN = true, ["X-TOKEN"] = true } or {};
	local handler = sasl.new(module.host, { plain_test = plain_test, mechanisms = mechanisms });
	local process = handler.process;
	function handler:process(message)
		local status, condition, text = process(self, message);
		if status == "failure" and self.is_unanswered then
			return status, "temporary-auth-failure", "Logins cannot be checked at the moment; try again with a new token.";
		end
		if condition == "malformed-request" then
			module:log("info", "refused a login at %s without asking xtokend: the user name or password is missing, "
				.. "or contains characters that SASLprep or nodeprep forbids", module.host);
		end
		return status, condition, text;
	end
	function handler.clean_clone()
		return provider.get_sasl_handler(session);
	end
	return handler;
end

function provider.test_password(username, password)
	if not async.ready() then
		module:log("info", "could not check the login of %s@%s: Prosody asked for it where it can't wait",
			printable(username), module.host);
		return nil, "A token can only be checked where Prosody can wait.";
	end
	return check_login(username, password) == true;
end

-- Returns true without a request if Prosody can't wait here, or if xtokend is unavailable (waiting would block the
-- stream). Storing a message for an unknown user is less harmful than dropping one for a real user.
function provider.user_exists(username)
	return is_unavailable or not async.ready() or ask("isuser", username) ~= false;
end

function provider.is_enabled()
	return true;
end

local function no_accounts()
	return nil, "Accounts are managed by the application that signs the tokens.";
end

provider.get_password, provider.set_password = no_accounts, no_accounts;
provider.create_user, provider.delete_user = no_accounts, no_accounts;

function module.unload()
	local open, pending = connection, requests;
	is_unloaded, connection, is_open, requests = true, nil, false, {};
	if open then open:close(); end
	if retry then timer.stop(retry); end
	for _, request in ipairs(pending) do finish(request, nil); end
end

module:provides("auth", provider);
