-- xtoken_daemon: starts xtokend for mod_auth_xtoken, for all hosts together. For Prosody 0.12 and 13.0.
--
--     xtoken_command = "/usr/bin/xtokend"
--     xtoken_command = { "/usr/bin/xtokend", "--config", "/etc/prosody/xtokend.toml" }
--
-- xtokend runs as `xtokend serve --listen unix:SOCKET --until-stdin-ends`, and its stdin is a pipe from Prosody. So it
-- ends with Prosody, even if that is killed. Other children of Prosody inherit the pipe, so xtokend also watches the
-- process of Prosody. The socket and xtokend's state are in a directory of their own below Prosody's data. xtokend
-- writes its state to a file there: "ready", or "error" and a message.

-- Prosody 13.0 prefixes the names of its own modules with "prosody.".
local function prosody_module(name)
	local found, result = pcall(require, "prosody." .. name);
	return found and result or require(name);
end

local lfs = require "lfs";
local log = prosody_module "util.logger".init("xtokend");
local server = prosody_module "net.server";
local time = prosody_module "util.time";
local timer = prosody_module "util.timer";
local unix = require "socket.unix";

local QUIET_SECONDS = 5; -- after the start, in which failed connections are no errors
local GIVE_UP_SECONDS = 30; -- after the start
local START_POLL_SECONDS, POLL_SECONDS = 0.05, 1; -- between readings of the state
local MIN_DELAY, MAX_DELAY = 0.5, 30; -- seconds until it is started again
local STABLE_SECONDS = 60; -- after which the delay is the shortest again
local RELEASE_SECONDS = 5; -- until it ends after the last host; a reload of the module takes less
local NEEDED_DESCRIPTORS = 32; -- of xtokend, which first inherits those of Prosody
local LAUNCHER_BYTES = 512; -- of the launcher, in which its name is

-- systemd has set these for Prosody.
local UNSET = "NOTIFY_SOCKET WATCHDOG_PID WATCHDOG_USEC LISTEN_PID LISTEN_FDS LISTEN_FDNAMES RUNTIME_DIRECTORY";

local RAISE_LIMIT = "Raise the limit of Prosody (LimitNOFILE= of its unit, or ulimit -n)";
local CHECK_OWNER = "Let the user of Prosody write there: see the owners with namei -l %s";

local daemon = {};

-- What all hosts share. Its functions are those of the module that was loaded last, so that they survive a reload.
local shared = module:shared("/*/auth_xtoken/daemon");
shared.hosts = shared.hosts or {};

local function directory()
	return prosody.paths.data .. "/xtokend";
end

local function socket_path()
	return directory() .. "/xtokend.sock";
end

local function state_path()
	return directory() .. "/state";
end

local function quote(text)
	return "'" .. text:gsub("'", "'\\''") .. "'";
end

local function schedule(seconds, name)
	if shared.timer then timer.stop(shared.timer); end
	shared.timer = timer.add_task(seconds, function ()
		shared.timer = nil;
		shared[name]();
	end);
end

-- Logs an error, unless it is the last one.
local function log_error(problem, ...)
	local message = problem:format(...);
	if message == shared.logged_error then return; end
	shared.logged_error = message;
	log("error", "%s", message);
end

-- Returns the command that runs xtokend, without the redirections that start() adds.
local function xtokend_command()
	local words = { quote(shared.command[1]), "serve" };
	for index = 2, #shared.command do table.insert(words, quote(shared.command[index])); end
	table.insert(words, "--listen " .. quote("unix:" .. socket_path() .. ",mode=0600") .. " --until-stdin-ends");
	return table.concat(words, " ");
end

-- Returns the command for sh. It returns at once, and xtokend's stdin is a copy of its own.
local function start_command()
	local program = shared.command[1];
	local unusable = ("error xtoken_command: expected a program that the user of Prosody may run, found none at %s. "
		.. "Correct the path (command -v xtokend) or the permissions (namei -l %s)"):format(program, program);
	return table.concat({
		"unset " .. UNSET,
		"umask 077",
		"chmod 700 " .. quote(directory()),
		"STATE_DIRECTORY=" .. quote(directory()),
		"export STATE_DIRECTORY XTOKEND_PARENT=$PPID",
		"exec 3<&0 >>" .. quote(state_path()),
		("if [ -f %s ] && [ -x %s ]"):format(quote(program), quote(program)),
		"then " .. xtokend_command() .. " <&3 3<&- & echo \"pid $!\"",
		"else printf '%s\\n' " .. quote(unusable),
		"fi",
	}, "\n");
end

-- Closes the pipe, so that xtokend ends, and the connection.
local function close()
	local conn, handle = shared.conn, shared.handle;
	shared.conn, shared.handle, shared.phase, shared.pid = nil, nil, nil, nil;
	if conn then conn:close(); end
	-- Other children of Prosody can have inherited the pipe.
	if handle then handle:write("stop\n"); handle:close(); end
end

local function start_later()
	close();
	shared.phase = "waiting";
	schedule(shared.delay, "start");
	shared.delay = math.min(shared.delay * 2, MAX_DELAY);
end

-- Starts xtokend again after it has ended or could not be started.
local function on_end()
	local seconds = time.monotonic() - shared.since;
	if shared.phase == "running" then
		if seconds >= STABLE_SECONDS then shared.delay = MIN_DELAY; end
		shared.quiet_until = time.monotonic() + MIN_DELAY + QUIET_SECONDS;
		log("warn", "xtokend (pid %s) has ended after %d s; starting it again in %g s",
			shared.pid or "unknown", math.floor(seconds), shared.delay);
	elseif not shared.has_failed then
		log_error("xtokend has ended before it was ready. To see why, run this as the user of Prosody: %s",
			xtokend_command());
	end
	start_later();
end

local listeners = {}; -- of a connection that only shows when xtokend ends

function listeners.onconnect() end

function listeners.onincoming() end

function listeners.onreadtimeout()
	return true;
end

function listeners.ondisconnect(conn)
	if conn ~= shared.conn then return; end
	shared.conn = nil;
	shared.on_end();
end

local function connect()
	local socket, problem = (unix.stream or unix)();
	local ok, conn = socket and socket:settimeout(0), nil;
	if ok then ok, problem = socket:connect(socket_path()); end
	if ok then conn, problem = server.wrapclient(socket, socket_path(), 0, listeners, "*a"); end
	if conn then
		shared.conn = conn;
		return true;
	end
	if socket then socket:close(); end
	log_error("cannot connect to xtokend at %s: %s", socket_path(), problem);
	shared.has_failed = true;
	return false;
end

-- Replaces the pipe by another opening of it, because sh remains as a zombie until its own is closed.
local function replace_pipe()
	-- In this mode, it neither waits for a reader nor changes a file.
	local pipe = shared.pid and io.open("/proc/" .. shared.pid .. "/fd/0", "a+");
	if not pipe then return; end
	shared.handle:close();
	shared.handle = pipe;
	pipe:setvbuf("no");
end

-- Handles a line that xtokend or the command has written.
local function read_line(line)
	local word, text = line:match("^(%l+) ?(.*)$");
	if word == "pid" then
		shared.pid = text:match("^%d+$");
	elseif word == "ready" then
		if not connect() then return; end
		replace_pipe();
		shared.phase, shared.since, shared.logged_error = "running", time.monotonic(), nil;
		log("info", "started xtokend (pid %s)", shared.pid or "unknown");
	elseif word == "error" then
		-- Each reload repeats the error of the configuration.
		if shared.phase == "running" then shared.logged_error = nil; end
		shared.has_failed = true;
		log_error("xtokend: %s", text);
	end
end

-- Reads what was written to the file since the last time.
local function read_state()
	local file = io.open(state_path());
	if not file then return; end
	file:seek("set", shared.offset);
	local lines = (file:read("*a") or ""):match("^.*\n") or "";
	file:close();
	shared.offset = shared.offset + #lines;
	for line in lines:gmatch("([^\n]*)\n") do read_line(line); end
end

-- Returns whether the process has ended, as far as /proc shows.
local function has_exited()
	return shared.pid and lfs.attributes("/proc/self") and not lfs.attributes("/proc/" .. shared.pid);
end

local function poll()
	local had_exited = has_exited();
	read_state();
	if shared.phase == "running" then return schedule(POLL_SECONDS, "poll"); end
	local seconds = time.monotonic() - shared.since;
	if had_exited or seconds > GIVE_UP_SECONDS or shared.has_failed and not shared.pid then return on_end(); end
	if seconds > QUIET_SECONDS and not shared.has_failed then
		log_error("xtokend is not ready after %d s; see its own log", QUIET_SECONDS);
		shared.has_failed = true;
	end
	schedule(START_POLL_SECONDS, "poll");
end

-- Creates the directory, and an empty file for the state. Returns nil and the problem if that fails.
local function prepare()
	if lfs.attributes(directory(), "mode") ~= "directory" then
		local ok, problem = lfs.mkdir(directory());
		if not ok then return nil, problem; end
	end
	-- If fewer are left, xtokend can't start, and can't report why.
	local files, problem = {}, nil;
	while not problem and #files < NEEDED_DESCRIPTORS do
		files[#files + 1], problem = io.open(state_path(), "w");
	end
	for _, file in ipairs(files) do file:close(); end
	return not problem, problem;
end

local function start()
	if shared.handle then return; end
	local handle;
	local ok, problem = prepare();
	if ok then handle, problem = io.popen(start_command(), "w"); end
	if not handle then
		-- Without the name of the file, a lack of descriptors is the same problem each time.
		problem = problem:match("[^:]*$"):gsub("^ ", "");
		local fix = problem:lower():find("too many open files", 1, true) and RAISE_LIMIT or CHECK_OWNER:format(directory());
		log_error("cannot start xtokend in %s: %s. %s", directory(), problem, fix);
		return start_later();
	end
	handle:setvbuf("no");
	shared.handle, shared.phase, shared.since, shared.offset = handle, "starting", time.monotonic(), 0;
	shared.has_failed = false;
	schedule(START_POLL_SECONDS, "poll");
end

-- Ends xtokend for good.
local function stop()
	if shared.timer then timer.stop(shared.timer); end
	shared.timer = nil;
	close();
end

local function stop_unless_used()
	if not next(shared.hosts) then stop(); end
end

-- Returns whether a file is bin/xtokend, and otherwise why not.
local function is_launcher(path)
	local file, problem = io.open(path);
	if not file then return false, problem; end
	local head = file:read(LAUNCHER_BYTES) or "";
	file:close();
	return head:find("^#!") and head:find("\n# xtokend: ", 1, true) and true or false, path .. " is not xtokend";
end

-- Returns the command of this host, or nil.
local function command_of_host()
	local command = module:get_option_array("xtoken_command");
	if command then
		local is_valid = type(command[1]) == "string" and command[1]:sub(1, 1) == "/";
		for _, word in ipairs(command) do is_valid = is_valid and type(word) == "string"; end
		if is_valid then return command; end
		module:log("error", "xtoken_command: expected an absolute path, or a list of a path and options, such as "
			.. "{ \"/usr/bin/xtokend\", \"--config\", \"/etc/prosody/xtokend.toml\" }; not starting xtokend");
		return nil;
	end
	local path = module:get_option_string("external_auth_command");
	if not path then return nil; end
	local ok, problem = is_launcher(path);
	if ok then return { path }; end
	module:log("warn", "not running external_auth_command: %s. Set xtoken_command or xtoken_socket", problem);
	return nil;
end

-- Lets this host use xtokend, which starts with the first one. Returns the path of its socket, or nil if the settings
-- name no command.
function daemon.use()
	local command = command_of_host();
	if not command then return nil; end
	-- prosodyctl loads this module, too.
	if prosody.process_type ~= "prosody" then return socket_path(); end
	shared.hosts[module.host] = true;
	daemon.is_used = true;
	if shared.phase and table.concat(command, "\0") ~= table.concat(shared.command, "\0") then
		module:log("warn", "xtoken_command: all hosts use one xtokend. Restart Prosody to run another than %s",
			xtokend_command());
	end
	shared.command = shared.phase and shared.command or command;
	if not shared.phase then
		shared.phase, shared.delay, shared.quiet_until = "waiting", MIN_DELAY, time.monotonic() + QUIET_SECONDS;
		-- Not yet: Prosody 0.12 can still go to the background, which changes its process and its stderr.
		schedule(0, "start");
	end
	module:hook_global("config-reloaded", daemon.reload);
	-- Prosody closes all connections then, which looks like the end of xtokend.
	module:hook_global("server-stopping", stop);
	return socket_path();
end

-- Ends the use by this host. After the last one, xtokend ends.
function daemon.release()
	if not daemon.is_used then return; end
	shared.hosts[module.host] = nil;
	timer.add_task(RELEASE_SECONDS, function () shared.stop_unless_used(); end);
end

-- Makes xtokend reload its configuration, once for all hosts, or starts it at once if it is not running.
function daemon.reload()
	if shared.is_reload_due then return; end
	shared.is_reload_due = true;
	timer.add_task(0, function ()
		shared.is_reload_due = nil;
		if shared.handle then
			shared.handle:write("reload\n");
		elseif shared.phase == "waiting" then
			shared.delay, shared.logged_error = MIN_DELAY, nil;
			schedule(0, "start");
		end
	end);
end

-- Returns whether xtokend is about to be ready, so that a failed connection is no error.
function daemon.is_starting()
	return shared.phase ~= "running" and time.monotonic() < shared.quiet_until;
end

-- Returns what to do if xtokend does not answer.
function daemon.advice()
	if not shared.pid then return "Prosody starts xtokend, and starts it again if it ends. See the errors above"; end
	return "Prosody starts xtokend, and starts it again if it ends. See the errors above, or if it hangs, run: kill -9 "
		.. shared.pid;
end

shared.start, shared.poll, shared.on_end, shared.stop_unless_used = start, poll, on_end, stop_unless_used;

return daemon;
