-- xtoken_sessions: ends the open sessions of users whom xtokend no longer accepts. For Prosody 0.12 and 13.0.
--
-- While users are logged in, it asks xtokend every 2 s which of them may not stay:
--
--     module:  RECHECK  7  example.com  alice  bob
--     xtokend: OK  7  version=5f1c-12  user=bob
--
-- It names only users who have not been checked since the version changed, so that most requests name nobody.

-- Prosody 13.0 prefixes the names of its own modules with "prosody.".
local function prosody_module(name)
	local found, result = pcall(require, "prosody." .. name);
	return found and result or require(name);
end

local async = prosody_module "util.async";
local destroy_session = prosody_module "core.sessionmanager".destroy_session;
local stanza = prosody_module "util.stanza".stanza;
local utf8 = prosody_module "util.encodings".utf8;
local unpack_list = table.unpack or unpack; -- luacheck: ignore 113/unpack 143/table

local INTERVAL, LONG_INTERVAL = 2, 60; -- seconds between two checks; the second, if xtokend is too old
local MAX_CHANGES = 2; -- of the version in one check; the next check continues
local MAX_NAME_BYTES = 1023;
-- An answer that names all users of a request must fit into a line, with the id, the version and "user=" for each name.
local MAX_NAMES_BYTES, BYTES_PER_NAME = 4096 - 256, 6;
local DISABLED = { condition = "not-authorized", text = "This account is disabled." };
local STREAM_ERRORS = { xmlns = "urn:ietf:params:xml:ns:xmpp-streams" };

-- The authenticated sessions of the host, each with the name to ask about, or false if xtokend can't read the name.
local sessions = setmetatable({}, { __mode = "k" });
local unchecked = {}; -- names of users to ask about
local version; -- of the last answer
local logged_problem; -- the last reason why users could not be checked, until they are

local function is_open(session)
	return session.username and not session.destroyed;
end

local function track(session)
	local name = session.username;
	if not is_open(session) or sessions[session] ~= nil then return; end
	-- The names of sessions are prepared. Any other would only have the whole request refused.
	sessions[session] = name ~= "" and #name <= MAX_NAME_BYTES and utf8.valid(name) and name;
	if sessions[session] then unchecked[name] = true; end
end

local function has_sessions()
	for session in pairs(sessions) do
		if is_open(session) then return true; end
		sessions[session] = nil;
	end
	return false;
end

local function uncheck_all()
	for session, name in pairs(sessions) do
		if name and is_open(session) then unchecked[name] = true; end
	end
end

-- Removes unchecked names until a line is full, and returns them.
local function take_names()
	local names, room = {}, MAX_NAMES_BYTES - #module.host;
	for name in pairs(unchecked) do
		local bytes = #name + select(2, name:gsub("%c", "")) + BYTES_PER_NAME;
		if bytes > room then break; end
		room = room - bytes;
		table.insert(names, name);
	end
	for _, name in ipairs(names) do unchecked[name] = nil; end
	return names;
end

-- Returns the error as a stanza that declares its prefix. From a table, mod_websocket of 13.0 makes one that does not,
-- so that clients can't parse it.
local function websocket_error()
	return stanza("stream:error", { ["xmlns:stream"] = "http://etherx.jabber.org/streams" })
		:tag(DISABLED.condition, STREAM_ERRORS):up()
		:tag("text", STREAM_ERRORS):text(DISABLED.text):up();
end

local function close(session)
	-- mod_bosh does not fire this event. Without it, mod_smacks would keep the session, to be resumed later. mod_smacks
	-- sends a last stanza if there is a connection, but the open request of the client is needed for the error.
	if session.bosh_max_inactive then
		session.conn = nil;
		module:fire_event("pre-session-close", { session = session, reason = DISABLED });
	end
	session:close(session.websocket_request and websocket_error() or DISABLED);
	-- mod_websocket of 0.12 does not do this for sessions without a connection.
	if is_open(session) then destroy_session(session, DISABLED.text); end
end

-- Ends the sessions of these users, also those without a connection. Returns the names of those with sessions that
-- could not be ended.
local function end_sessions(names, printable, see_log)
	local ending, remaining = {}, {};
	if not names[1] then return remaining; end
	for _, name in ipairs(names) do ending[name] = {}; end
	for session in pairs(sessions) do
		local list = is_open(session) and ending[session.username];
		if list then table.insert(list, session); end
	end
	for name, list in pairs(ending) do
		local count = #list;
		for _, session in ipairs(list) do
			local ok, problem = pcall(close, session);
			if not ok or is_open(session) then
				count = count - 1;
				table.insert(remaining, name);
				module:log("error", "could not end a session of %s@%s, and will try again: %s",
					printable(name), module.host, ok and "another module keeps it" or problem);
			end
		end
		if count > 0 then
			module:log("info", "ended %d session%s of %s@%s, because xtokend no longer accepts the user; %s",
				count, count == 1 and "" or "s", printable(name), module.host, see_log);
		end
	end
	return remaining;
end

-- Logs once why users could not be checked. Without an answer, the client has logged the cause.
local function log_problem(answer, see_log)
	local reason = answer and (answer.is_accepted and "the answer has no version" or answer.reason);
	if not answer or reason == logged_problem then return; end
	logged_problem = reason;
	if reason == "unsupported-operation" then
		module:log("warn", "this xtokend can't end open sessions of blocked users (%s). Upgrade it, and restart it", reason);
	else
		module:log("warn", "could not check whether users may stay, so they stay for now: %s; %s", reason, see_log);
	end
end

-- Asks about all unchecked users, with at least one request. Returns the reason if that failed.
local function check(client, printable, see_log)
	local changes, remaining = 0, {};
	repeat
		local names = take_names();
		local answer = client.ask("RECHECK", { module.host, unpack_list(names) });
		if not (answer and answer.is_accepted and answer.version) then
			for _, name in ipairs(names) do unchecked[name] = true; end
			log_problem(answer, see_log);
			return answer and answer.reason;
		end
		logged_problem = nil;
		for _, name in ipairs(end_sessions(answer.users, printable, see_log)) do table.insert(remaining, name); end
		if answer.version ~= version then
			version, changes = answer.version, changes + 1;
			uncheck_all();
		end
	until not next(unchecked) or changes > MAX_CHANGES;
	for _, name in ipairs(remaining) do unchecked[name] = true; end
end

-- Tracks the sessions that exist already, for example if the module is reloaded.
local function track_existing()
	for _, user in pairs(prosody.hosts[module.host].sessions) do
		for _, session in pairs(user.sessions) do track(session); end
	end
	-- Sessions of users who have not bound a resource yet.
	for _, path in ipairs { "/*/c2s/sessions", "/*/bosh/sessions" } do
		for _, session in pairs(module:shared(path)) do
			if session.host == module.host then track(session); end
		end
	end
end

-- Starts to check the users of the host. Prosody stops the timer when it unloads the module.
-- printable escapes a name for the log; see_log tells where the log of xtokend is.
return function (client, printable, see_log)
	track_existing();
	local function track_event(event) track(event.session); end
	module:hook("authentication-success", track_event);
	-- Modules such as mod_legacyauth do not fire the event above.
	module:hook("resource-bind", track_event);
	module:hook("smacks-hibernation-end", function (event)
		-- In 0.12, the session of the new connection remains next to the one that has been resumed.
		if event.origin ~= event.resumed then sessions[event.origin] = nil; end
	end);
	local interval = INTERVAL;
	local checker = async.runner(function ()
		local reason = check(client, printable, see_log);
		interval = reason == "unsupported-operation" and LONG_INTERVAL or INTERVAL;
	end, { error = function (_, problem)
		module:log("error", "uncaught error while users were checked: %s", problem);
	end });
	module:add_timer(INTERVAL, function ()
		if checker.state == "ready" and has_sessions() then checker:run(true); end
		return interval;
	end);
end
