-- mod_auth_xtoken: users log in with one-time tokens, which xtokend checks. For Prosody 0.12 and 13.0.
--
--     authentication = "xtoken"
--     xtoken_socket = "/run/xtokend/xtokend.sock" -- where `xtokend serve --listen unix:…` listens
--     xtoken_timeout = 5                          -- how many seconds a login waits for its answer
--
-- A request is a line, its answer is a line with 1 or 0, and the answers come in the order of the requests. Nothing
-- else ties the two together. So a connection on which an answer is late, or is none, is closed: what still comes from
-- it is never read, and nobody gets the verdict of somebody else.

-- Prosody 13.0 puts "prosody." before the names of its own modules.
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

local MAX_REQUEST_BYTES = 4096; -- xtokend refuses what is longer
local FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5; -- seconds between two attempts to connect
local MAX_LOGGED_BYTES = 256; -- of a user name
local DEFAULT_TIMEOUT, SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 5, 0.1, 60; -- seconds

local socket_path = module:get_option_string("xtoken_socket", "/run/xtokend/xtokend.sock");
-- 13.0 also takes "5s" and the like.
local get_period = module.get_option_period or module.get_option_number;
local timeout = get_period(module, "xtoken_timeout", DEFAULT_TIMEOUT) or DEFAULT_TIMEOUT;
if timeout < SHORTEST_TIMEOUT or timeout > LONGEST_TIMEOUT then
	module:log("warn", "xtoken_timeout: expected %g to %g seconds, found %g; taking %g",
		SHORTEST_TIMEOUT, LONGEST_TIMEOUT, timeout, DEFAULT_TIMEOUT);
	timeout = DEFAULT_TIMEOUT;
end
local allow_unencrypted = module:get_option_boolean("allow_unencrypted_plain_auth", false);

local counts = module:metric("counter", "requests", "", "Requests to xtokend", { "operation", "verdict" });
local durations = module:metric("histogram", "duration", "seconds", "How long xtokend took to answer", { "operation" },
	{ buckets = { 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5 } });

local connection; -- to xtokend, as long as there is one
local is_open = false; -- whether it can be written to
local listeners = {}; -- what becomes of its events
local requests = {}; -- what is not answered yet, the oldest first
local received = ""; -- what has come and is not taken for an answer yet
local pause = FIRST_PAUSE; -- before the next attempt to connect
local retry; -- the timer of that attempt
local in_trouble = false; -- whether the log says so already
local is_unloaded = false; -- streams that were open before still ask

local function finish(request, verdict)
	timer.stop(request.timer);
	-- Its first answer may have been lost with a connection, and a token is good for one only: nobody knows what this
	-- "no" means.
	if verdict == false and request.asked_again then verdict = nil; end
	request.verdict = verdict;
	-- Whoever goes on with the verdict may fail; the others must get theirs.
	local ok, problem = pcall(request.done);
	if not ok then module:log("error", "After an answer of xtokend: %s", problem); end
end

local connect;

-- Closes the connection, and soon makes another for those who wait. What was asked on it is asked once more: xtokend
-- may have been started again before it read that.
local function lose_connection(problem)
	local lost, old = connection, requests;
	connection, is_open, requests = nil, false, {};
	if lost then lost:close(); end
	local given_up = {};
	for _, request in ipairs(old) do
		local is_last = request.sent and request.asked_again;
		request.asked_again, request.sent = request.sent or request.asked_again, false;
		table.insert(is_last and given_up or requests, request);
	end
	if not in_trouble then
		in_trouble = true;
		module:log("error", "xtokend gives no answer at %s: %s. Logins fail as temporary until it does. See whether it runs "
			.. "(systemctl status xtokend), listens there, and lets this user in (ls -l %s)", socket_path, problem, socket_path);
	end
	if #requests > 0 and not retry then
		retry = timer.add_task(pause, connect);
		pause = math.min(pause * 2, LONGEST_PAUSE);
	end
	for _, request in ipairs(given_up) do finish(request, nil); end
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
	lose_connection(problem);
end

function listeners.onconnect(conn)
	if conn ~= connection then return; end
	is_open = true;
	send_all();
end

function listeners.onincoming(conn, data)
	if conn ~= connection then return; end
	received = received .. data;
	-- Whoever goes on with a verdict may ask something, and lose the connection with it.
	while conn == connection and #received >= 2 do
		local answer, request = received:sub(1, 2), requests[1];
		received = received:sub(3);
		if (answer ~= "1\n" and answer ~= "0\n") or not (request and request.sent) then
			return lose_connection("what answers there is not xtokend, or not by --protocol generic");
		end
		if in_trouble then module:log("info", "xtokend answers again"); end
		in_trouble, pause = false, FIRST_PAUSE;
		table.remove(requests, 1);
		finish(request, answer == "1\n");
	end
end

function listeners.ondisconnect(conn, problem)
	if conn ~= connection then return; end
	connection, is_open = nil, false;
	-- Where nobody waits, that is no trouble: the next login makes another connection.
	if #requests > 0 then lose_connection(problem or "the connection was closed"); end
end

function listeners.onreadtimeout()
	return true; -- nobody logs in at the moment; the connection is kept
end

local function give_up(request)
	for index, other in ipairs(requests) do
		if other == request then table.remove(requests, index); end
	end
	if request.sent then lose_connection(("no answer within %g s"):format(timeout)); end
	finish(request, nil);
end

-- Asks xtokend, and lets Prosody do other things until it answers.
-- Gives true or false, or nil where there is no answer, or where it is not certain; with the reason, if it did not ask.
local function ask(operation, username, password)
	if is_unloaded then return nil; end
	-- A line break would make two requests of one, and a colon would shift the fields: their answers would be others'.
	local fields = { operation, username, module.host, password };
	local line = table.concat(fields, ":");
	if #line > MAX_REQUEST_BYTES or line:find("%c") or username:find(":", 1, true) then
		return false, "its name or password is too long, or holds a control character";
	end
	local wait, done = async.waiter();
	local request = { line = line .. "\n", done = done };
	local start = time.monotonic();
	request.timer = timer.add_task(timeout, function () give_up(request); end);
	table.insert(requests, request);
	if is_open then send_all(); elseif not (connection or retry) then connect(); end
	wait();
	local verdict = request.verdict;
	counts:with_labels(operation, verdict and "accepted" or verdict == false and "refused" or "unavailable"):add(1);
	durations:with_labels(operation):sample(time.monotonic() - start);
	return verdict;
end

local function escape(bytes)
	return (bytes:gsub(".", function (byte) return ("\\x%02x"):format(byte:byte()); end));
end

-- A name as it can stand in a log. Whoever tries to log in chooses it, so it must not make a line of its own, or one
-- that a terminal acts on or shows in another order: no controls (also C1), invisible characters, line separators or
-- bidi controls.
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

-- Checks a token, and says in Prosody's log why the login fails: all else that shows there is a client that leaves.
local function check_login(username, password)
	local verdict, problem = ask("auth", username, password);
	local jid = printable(username) .. "@" .. module.host;
	if problem then
		module:log("info", "Refused the login of %s without asking xtokend: %s", jid, problem);
	elseif verdict == false then
		module:log("info", "xtokend refused the login of %s; its log has the reason: journalctl -u xtokend", jid);
	elseif verdict == nil then
		module:log("info", "The login of %s could not be checked, as xtokend gave no certain answer at %s; "
			.. "see its log: journalctl -u xtokend", jid, socket_path);
	end
	return verdict;
end

-- X-TOKEN is PLAIN (RFC 4616) by a name that tells a client what to send.
plain.init(function (_, _, mechanism)
	sasl.registerMechanism("X-TOKEN", { "xtoken" }, mechanism);
end);

local function plain_test(handler, username, password)
	local verdict = check_login(username, password);
	handler.is_unavailable = verdict == nil;
	return verdict == true, true;
end

local is_explained = false;

-- Prosody itself only warns that there are no mechanisms.
local function explain_no_mechanisms()
	if is_explained then return; end
	is_explained = true;
	module:log("warn", "Not offering PLAIN and X-TOKEN on an unencrypted connection. Let clients use TLS; behind a proxy "
		.. "that does, set consider_websocket_secure or consider_bosh_secure, or else allow_unencrypted_plain_auth");
end

local provider = {};

function provider.get_sasl_handler(session)
	-- A token is as good as a password. mod_saslauth keeps PLAIN off unencrypted connections, but doesn't know X-TOKEN,
	-- and mod_sasl2 takes whatever is offered here.
	local encrypted = session and session.secure or allow_unencrypted;
	if not encrypted then explain_no_mechanisms(); end
	local mechanisms = encrypted and { PLAIN = true, ["X-TOKEN"] = true } or {};
	local handler = sasl.new(module.host, { plain_test = plain_test, mechanisms = mechanisms });
	local process = handler.process;
	function handler:process(message)
		local status, condition, text = process(self, message);
		if status == "failure" and self.is_unavailable then
			return status, "temporary-auth-failure", "Logins cannot be checked at the moment; try again with a new token.";
		end
		if condition == "malformed-request" then
			module:log("info", "Refused a login at %s without asking xtokend: it has no name or no password, "
				.. "or one with characters that SASLprep or nodeprep forbids", module.host);
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
		module:log("info", "The login of %s@%s could not be checked: it was asked for where Prosody can't wait",
			printable(username), module.host);
		return nil, "A token can only be checked where waiting is possible.";
	end
	return check_login(username, password) == true;
end

-- Prosody also asks this from places where it cannot wait, and in the middle of somebody's stream, which then stands
-- still. Where it cannot wait, and while xtokend gives no answer, everybody exists: a message that is kept for nobody
-- does less harm than one to somebody that is thrown away.
function provider.user_exists(username)
	return in_trouble or not async.ready() or ask("isuser", username) ~= false;
end

function provider.is_enabled()
	return true;
end

local function no_accounts()
	return nil, "The application that signs the tokens has the accounts.";
end

provider.get_password, provider.set_password = no_accounts, no_accounts;
provider.create_user, provider.delete_user = no_accounts, no_accounts;

function module.unload()
	local open, asked = connection, requests;
	is_unloaded, connection, is_open, requests = true, nil, false, {};
	if open then open:close(); end
	if retry then timer.stop(retry); end
	for _, request in ipairs(asked) do finish(request, nil); end
end

module:provides("auth", provider);
