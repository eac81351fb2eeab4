-- xtoken_client: the connection of mod_auth_xtoken to xtokend. For Prosody 0.12 and 13.0.
--
-- It speaks xtokend's native protocol, which docs/native-protocol.md specifies. A tab separates the fields of a line:
--
--     module:  VERSION  1  0
--     xtokend: VERSION  1  0
--     module:  AUTH  1  alice  example.com  password=6817…  rip=192.0.2.7  secured
--     module:  AUTH  2  bob  example.com  password=guess  rip=192.0.2.8  secured
--     xtokend: FAIL  2  reason=malformed-token
--     xtokend: OK  1
--
-- Each answer has the id of its request. So a slow request delays no other, and no request gets the answer to another.
-- Requests contain passwords, so this module sends them only after xtokend has sent its VERSION.

-- Prosody 13.0 prefixes the names of its own modules with "prosody.".
local function prosody_module(name)
	local found, result = pcall(require, "prosody." .. name);
	return found and result or require(name);
end

local async = prosody_module "util.async";
local server = prosody_module "net.server";
local time = prosody_module "util.time";
local timer = prosody_module "util.timer";
local utf8 = prosody_module "util.encodings".utf8;
local unix = require "socket.unix";

local MAX_LINE_BYTES = 4096; -- without the line feed
local MAX_ID_BYTES = 15;
local MAX_MESSAGE_BYTES = 256; -- of an error message of xtokend, in the log
local MIN_RETRY_DELAY, MAX_RETRY_DELAY = 0.05, 0.5; -- seconds between attempts to connect
local FLAGS = { "temp", "expired", "user_disabled" };
local ESCAPES = { ["\0"] = "\0010", ["\1"] = "\0011", ["\t"] = "\1t", ["\n"] = "\1n", ["\r"] = "\1r" };
local UNESCAPES = { ["0"] = "\0", ["1"] = "\1", t = "\t", n = "\n", r = "\r" };
local TEXTS = { "version", "next" }; -- parameters whose value is a string

local CHECK_XTOKEND = "Check that it runs (systemctl status xtokend), that it listens there, "
	.. "and that this user may connect (ls -l %s)";
local CHECK_SOCKET = "Correct xtoken_socket, or remove protocol= from --listen or the socket unit of xtokend";
local CHECK_VERSIONS = "Install mod_auth_xtoken.lua and all xtoken_*.lib.lua from the version of xtokend that runs";
local REMOVE_GENERIC = "Remove protocol=generic from --listen, or FileDescriptorName=generic from xtokend.socket. "
	.. "If neither is set, upgrade xtokend. Then restart it";
local CHECK_HANGING = "See the log of xtokend (journalctl -u xtokend), and restart it";
local CHECK_PROTOCOL = "Unless xtokend is being restarted, the socket may have protocol=ejabberd; "
	.. "see the log of xtokend: journalctl -u xtokend";

local client = {
	socket_path = "/run/xtokend/xtokend.sock";
	timeout = 5; -- seconds that a request waits for its answer
	daemon = nil; -- xtoken_daemon, if that starts xtokend
};

local counts = module:metric("counter", "requests", "", "Requests to xtokend", { "operation", "outcome" });
local durations = module:metric("histogram", "duration", "seconds", "Time until xtokend answered", { "operation" },
	{ buckets = { 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5 } });

local link; -- the connection to xtokend and its state, if there is one
local listeners = {}; -- handlers of the connection's events
local waiting = {}; -- requests to send, the oldest first
local retry_delay = MIN_RETRY_DELAY; -- seconds until the next attempt to connect
local retry; -- timer of that attempt
local logged_problem; -- the last error, until the next answer
local is_closed = false; -- streams that were opened before an unload can still send requests

-- Completes a request. Without an answer, it is uncertain whether xtokend accepted the request.
local function finish(request, answer)
	timer.stop(request.timer);
	-- The copy that was sent first may have consumed the token.
	if answer and answer.flag == "expired" and request.was_resent then answer = nil; end
	request.answer = answer;
	-- An error in the code that resumes here must not affect other requests.
	local ok, problem = pcall(request.done);
	if not ok then module:log("error", "uncaught error after an answer from xtokend: %s", problem); end
end

local connect;

-- Returns the requests without an answer that were sent on a connection, the oldest first.
local function pending_on(lost)
	local pending = {};
	for _, request in pairs(lost.sent) do
		if request then table.insert(pending, request); end
	end
	table.sort(pending, function (a, b) return a.id < b.id; end);
	return pending;
end

-- Closes the connection. Requests that were sent once are resent on the next connection, because xtokend may have been
-- restarted before it read them. Returns those that were sent twice.
local function close_link()
	local lost, unsent, abandoned = link, waiting, {};
	if not lost then return abandoned; end
	link, waiting = nil, {};
	timer.stop(lost.handshake_timer);
	lost.conn:close();
	for _, request in ipairs(pending_on(lost)) do
		table.insert(request.was_resent and abandoned or waiting, request);
		request.id, request.was_resent = nil, true;
	end
	for _, request in ipairs(unsent) do table.insert(waiting, request); end
	return abandoned;
end

-- Closes the connection after an error, and schedules a new one if requests are pending. If the error is permanent,
-- they don't wait for that. Logs the error once, with what to do. The end of an xtokend that this Prosody starts is no
-- error, because the next one answers.
local function fail(problem, fix, is_permanent, is_lost)
	local abandoned = close_link();
	if is_permanent then
		for _, request in ipairs(waiting) do table.insert(abandoned, request); end
		waiting = {};
	end
	local is_starting = client.daemon and client.daemon.is_starting();
	if client.daemon and fix ~= CHECK_VERSIONS then fix = client.daemon.advice(); end
	if problem ~= logged_problem and not (is_starting or is_lost and client.daemon) then
		logged_problem = problem;
		module:log("error", "xtokend does not answer at %s: %s. Until it does, logins fail with temporary-auth-failure. %s",
			client.socket_path, problem, fix or CHECK_XTOKEND:format(client.socket_path));
	end
	if waiting[1] and not retry then
		retry = timer.add_task(retry_delay, connect);
		retry_delay = is_starting and MIN_RETRY_DELAY or math.min(retry_delay * 2, MAX_RETRY_DELAY);
	end
	for _, request in ipairs(abandoned) do finish(request, nil); end
end

-- Writes to the socket at once. Prosody's write() waits for the next iteration of the event loop, and needs more system
-- calls. If the socket is full, write() sends the rest, and all later data until its buffer is empty, to keep the
-- order.
local function send(data)
	if not link.is_draining then
		local sent, _, last = link.socket:send(data);
		if sent then return; end
		-- After an error other than a full socket, write() fails as well, and Prosody calls ondisconnect.
		data = data:sub((last or 0) + 1);
	end
	link.is_draining = true;
	link.conn:write(data);
end

-- Sends the waiting requests, if xtokend has sent its VERSION. While input is read, they wait until all of it is read,
-- because it can't contain answers to them.
local function send_waiting()
	if not (link and link.is_ready) or link.is_reading or not waiting[1] then return; end
	local lines, requests = {}, waiting;
	waiting = {};
	for _, request in ipairs(requests) do
		link.last_id = link.last_id + 1;
		link.sent[link.last_id] = request;
		request.id, request.answers_before = link.last_id, link.answers;
		table.insert(lines, ("%s\t%d\t%s\n"):format(request.operation, request.id, request.fields));
	end
	send(table.concat(lines));
end

function connect()
	retry = nil;
	if link or not waiting[1] then return; end
	local socket, problem = (unix.stream or unix)();
	local ok, conn = socket and socket:settimeout(0), nil;
	if ok then ok, problem = socket:connect(client.socket_path); end
	if ok then conn, problem = server.wrapclient(socket, client.socket_path, 0, listeners, "*a"); end
	if not conn then
		if socket then socket:close(); end
		-- The first attempt can precede the event that xtokend has ended.
		return fail(problem, nil, false, retry_delay == MIN_RETRY_DELAY);
	end
	local opened = { conn = conn, socket = socket, received = "", sent = {}, last_id = 0, answers = 0 };
	opened.handshake_timer = timer.add_task(client.timeout, function ()
		if link == opened then fail(("no VERSION within %g s"):format(client.timeout), CHECK_PROTOCOL); end
	end);
	link = opened;
end

function listeners.onconnect(conn)
	if link and conn == link.conn then send("VERSION\t1\t0\n"); end
end

function listeners.ondrain(conn)
	if link and conn == link.conn then link.is_draining = false; end
end

function listeners.ondisconnect(conn, problem)
	if not link or conn ~= link.conn then return; end
	if waiting[1] or pending_on(link)[1] then
		local is_closed_by_xtokend = not problem or problem == "closed";
		if is_closed_by_xtokend and not link.is_ready then
			return fail("the connection was closed before VERSION", CHECK_PROTOCOL, false, true);
		end
		return fail(problem or "the connection was closed", nil, false, true);
	end
	-- This is not an error: the next request opens a new connection.
	close_link();
end

function listeners.onreadtimeout()
	return true; -- keeps an idle connection open
end

-- Closes the connection if the line is an error message of xtokend, and returns whether it is.
local function read_error(line)
	local message = line:match("^ERROR\t(.*)$");
	if not message then return false; end
	fail("it reports: " .. message:gsub("[^\32-\126]", "?"):sub(1, MAX_MESSAGE_BYTES), CHECK_VERSIONS, not link.is_ready);
	return true;
end

-- Reads the first line. Retrying does not help against another program or protocol, so logins fail at once.
local function read_version(line)
	local major = line:match("^VERSION\t(%d+)\t%d+$") or line:match("^VERSION\t(%d+)\t%d+\t");
	if major == "1" then
		timer.stop(link.handshake_timer);
		link.is_ready = true;
	elseif major then
		fail(("it speaks version %.9s of the protocol, not 1"):format(major), CHECK_VERSIONS, true);
	elseif line == "0" or line == "1" then
		fail("the socket is set to the generic protocol", REMOVE_GENERIC, true);
	elseif not read_error(line) then
		fail("another program or protocol listens there", CHECK_SOCKET, true);
	end
end

local function unescape(value)
	return (value:gsub("\1(.)", UNESCAPES));
end

-- Adds the parameters that only some answers have. Returns whether they are valid.
local function read_parameters(answer, parameters)
	for _, name in ipairs(TEXTS) do
		local value = parameters[name];
		if value == true or value == "" then return false; end
		answer[name] = value;
	end
	local seconds = parameters.revoked_at;
	if seconds and not (type(seconds) == "string" and seconds:find("^%d+$") and #seconds <= MAX_ID_BYTES) then
		return false;
	end
	answer.revoked_at = tonumber(seconds);
	return true;
end

-- Returns the answer of a line, and its id, or nothing if the line is not valid.
local function parse_answer(line)
	local status, id, rest = line:match("^(%u+)\t([1-9]%d*)(.*)$");
	local is_valid = (status == "OK" or status == "FAIL") and #id <= MAX_ID_BYTES
		and (rest == "" or rest:sub(1, 1) == "\t")
		and not line:find("[%z\r]") and not line:gsub("\1[01tnr]", ""):find("\1", 1, true);
	if not is_valid then return nil; end
	local answer, parameters = { is_accepted = status == "OK", users = {} }, {};
	for field in rest:gmatch("\t([^\t]*)") do
		local name, value = field:match("^([%l_]+)=(.*)$");
		name = name or field:match("^[%l_]+$");
		if not name then return nil; end
		parameters[name] = value and unescape(value) or true;
		if name == "user" and value then table.insert(answer.users, parameters.user); end
	end
	if not read_parameters(answer, parameters) then return nil; end
	for _, flag in ipairs(FLAGS) do
		if status == "FAIL" and parameters[flag] then answer.flag = answer.flag or flag; end
	end
	local reason = parameters.reason;
	answer.reason = type(reason) == "string" and reason:match("^[%w-]+$") or "no-reason";
	return answer, tonumber(id);
end

-- Completes the request that a line answers.
local function read_answer(line)
	if read_error(line) then return; end
	local answer, id = parse_answer(line);
	local request = answer and link.sent[id];
	if not answer or request == nil then
		return fail("its answer is invalid, or matches no request", CHECK_VERSIONS);
	end
	link.sent[id] = nil;
	link.answers = link.answers + 1;
	if logged_problem then module:log("info", "xtokend answers again"); end
	logged_problem, retry_delay = nil, MIN_RETRY_DELAY;
	-- The value is false if the request has timed out.
	if request then finish(request, answer); end
end

function listeners.onincoming(conn, data)
	if not link or conn ~= link.conn then return; end
	local current, position = link, 1;
	local input = current.received .. data;
	current.is_reading = true;
	-- A line can close the connection.
	while link == current do
		local line_feed = input:find("\n", position, true);
		if (line_feed or #input + 1) - position > MAX_LINE_BYTES then
			return fail("it sent a line that is too long", CHECK_SOCKET, not current.is_ready);
		end
		if not line_feed then break; end
		local line = input:sub(position, line_feed - 1);
		position = line_feed + 1;
		if current.is_ready then read_answer(line); else read_version(line); end
	end
	current.received, current.is_reading = input:sub(position), false;
	send_waiting();
end

local function time_out(request)
	local has_other_answers = true;
	if request.id then
		link.sent[request.id] = false; -- The late answer is ignored.
		has_other_answers = link.answers > request.answers_before;
	end
	for index, other in ipairs(waiting) do
		if other == request then table.remove(waiting, index); end
	end
	-- If xtokend answered nothing in that time, it may hang while another process listens at the path.
	if not has_other_answers then fail(("no answer within %g s"):format(client.timeout), CHECK_HANGING); end
	finish(request, nil);
end

local function escape(value)
	return (value:gsub("%c", ESCAPES));
end

-- Returns true from a logged error until the next answer.
function client.is_unavailable()
	return logged_problem ~= nil;
end

-- Sends a request to xtokend, and yields until the answer. The fields are those after the id, not escaped.
-- Returns a table with is_accepted, reason, flag (temp, expired, user_disabled or nil), users (a list), and version,
-- next and revoked_at if the answer has them. Returns nil without a certain answer. If it refuses a request without
-- sending it, the table has is_local.
function client.ask(operation, fields)
	if is_closed then return nil; end
	local escaped = {};
	for index, field in ipairs(fields) do escaped[index] = escape(field); end
	local request = { operation = operation, fields = table.concat(escaped, "\t") };
	-- xtokend would close the connection after such a line, and other logins would have to be resent.
	if #operation + #request.fields + MAX_ID_BYTES + 2 > MAX_LINE_BYTES then
		return { is_accepted = false, is_local = true, reason = "the user name or password is too long", users = {} };
	end
	if not utf8.valid(request.fields) then
		return { is_accepted = false, is_local = true, reason = "the user name or password is not UTF-8", users = {} };
	end
	local start = time.monotonic();
	local wait, done = async.waiter();
	request.done = done;
	request.timer = timer.add_task(client.timeout, function () time_out(request); end);
	table.insert(waiting, request);
	send_waiting();
	if not (link or retry) then connect(); end
	wait();
	local answer = request.answer;
	local outcome = not answer and "unanswered" or answer.is_accepted and "accepted" or "refused";
	counts:with_labels(operation:lower(), outcome):add(1);
	durations:with_labels(operation:lower()):sample(time.monotonic() - start);
	return answer;
end

-- Closes the connection for good. Pending requests get no answer.
function client.close()
	is_closed = true;
	local pending = close_link();
	for _, request in ipairs(waiting) do table.insert(pending, request); end
	waiting = {};
	for _, request in ipairs(pending) do finish(request, nil); end
end

return client;
