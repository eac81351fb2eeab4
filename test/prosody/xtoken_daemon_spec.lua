-- Tests what a real Prosody and xtokend do not do on demand: long times, and failures at an exact moment.

local new_world = dofile("test/prosody/stand_in.lua");

local STATE = "/data/xtokend/state";
local COMMAND = { xtoken_command = "/usr/bin/xtokend" };

-- Loads the module, and starts xtokend.
local function started(options)
	local world = new_world(options or COMMAND);
	world.elapse(0);
	return world;
end

-- Lets xtokend write to its state file.
local function write(world, text)
	world.files[STATE] = world.files[STATE] .. text;
	world.elapse(0.05);
end

local function running(options)
	local world = started(options);
	write(world, "pid 7\nready\n");
	return world;
end

-- Returns the lines of the log with a level.
local function logged(world, level)
	local lines = {};
	for _, line in ipairs(world.log) do
		if line:find("^" .. level .. " ") then table.insert(lines, line); end
	end
	return lines;
end

-- Returns the seconds of the last timer that is pending.
local function last_timer(world)
	for index = #world.timers, 1, -1 do
		if world.timers[index].callback then return world.timers[index].seconds; end
	end
end

describe("xtoken_daemon", function ()
	describe("settings", function ()
		it("quotes the command for sh", function ()
			local world = started({ xtoken_command = { "/opt/it's here/xtokend", "--config", "$(a) `b`" } });
			local expected = "then '/opt/it'\\''s here/xtokend' serve '--config' '$(a) `b`' "
				.. "--listen 'unix:/data/xtokend/xtokend.sock,mode=0600' --until-stdin-ends <&3 3<&- &";
			assert.truthy(world.commands[1]:find(expected, 1, true));
			assert.truthy(world.commands[1]:find("unset NOTIFY_SOCKET ", 1, true));
		end);

		for name, command in pairs {
			["a relative path"] = "xtokend", ["a number"] = { "/usr/bin/xtokend", 1 }, ["an empty list"] = {},
		} do
			it("does not run " .. name, function ()
				local world = started({ xtoken_command = command });
				assert.same({}, world.commands);
				assert.truthy(logged(world, "error")[1]:find("xtoken_command: expected an absolute path", 1, true));
			end);
		end

		it("prefers xtoken_socket", function ()
			local world = started({ xtoken_command = "/usr/bin/xtokend", xtoken_socket = "/run/x.sock" });
			assert.same({}, world.commands);
			assert.same({ "warn xtoken_socket is set, so Prosody does not start xtokend. "
				.. "Remove xtoken_socket or xtoken_command" }, world.log);
			assert.same({}, started({ xtoken_socket = "/run/x.sock" }).log);
		end);

		it("runs external_auth_command only if that is xtokend", function ()
			local files = { ["/a"] = "#!/bin/sh\n# xtokend: runs\n", ["/b"] = "#!/bin/sh\nexec xtokend\n" };
			assert.equal(1, #started({ external_auth_command = "/a", files = files }).commands);
			local world = started({ external_auth_command = "/b", files = files });
			assert.same({}, world.commands);
			assert.same({ "warn not running external_auth_command: /b is not xtokend. Set xtoken_command or xtoken_socket" },
				world.log);
			world = started({ external_auth_command = "/c", files = files });
			assert.truthy(world.log[1]:find("/c: No such file or directory", 1, true));
		end);

		it("starts nothing in prosodyctl", function ()
			assert.same({}, started({ xtoken_command = "/usr/bin/xtokend", process_type = "prosodyctl" }).commands);
		end);
	end);

	describe("several hosts", function ()
		it("share one xtokend, which ends some seconds after the last", function ()
			local shared = {};
			local first = running({ xtoken_command = "/usr/bin/xtokend", shared = shared });
			local second = started({ xtoken_command = "/usr/bin/xtokend", shared = shared, host = "other.example" });
			assert.same({}, second.commands);
			first.environment.module.unload();
			first.elapse(5);
			assert.is_nil(first.pipe.is_closed);
			second.environment.module.unload();
			assert.is_nil(first.pipe.is_closed);
			second.elapse(5);
			assert.is_true(first.pipe.is_closed);
		end);

		it("are warned of another command", function ()
			local shared = {};
			running({ xtoken_command = "/usr/bin/xtokend", shared = shared });
			local world = started({ xtoken_command = "/opt/xtokend", shared = shared });
			assert.same({}, world.commands);
			assert.truthy(logged(world, "warn")[1]:find("all hosts use one xtokend", 1, true));
		end);

		it("keep it over a reload of the module", function ()
			local shared = {};
			local old = running({ xtoken_command = "/usr/bin/xtokend", shared = shared });
			old.environment.module.unload();
			local new = started({ xtoken_command = "/usr/bin/xtokend", shared = shared });
			old.elapse(5);
			assert.is_nil(old.pipe.is_closed);
			new.environment.module.unload();
			new.elapse(5);
			assert.is_true(old.pipe.is_closed);
		end);
	end);

	describe("the end of xtokend", function ()
		it("starts it again, with delays that double up to 30 s", function ()
			local world = running();
			local delays = {};
			for _ = 1, 8 do
				world.connections[#world.connections]:lose();
				table.insert(delays, last_timer(world));
				world.elapse(last_timer(world));
				write(world, "pid 8\nready\n");
			end
			assert.same({ 0.5, 1, 2, 4, 8, 16, 30, 30 }, delays);
			assert.equal(9, #world.commands);
			world.now = 60;
			world.connections[#world.connections]:lose();
			assert.equal(0.5, last_timer(world));
			assert.truthy(world.log[#world.log]:find("warn xtokend (pid 8) has ended after 60 s; "
				.. "starting it again in 0.5 s", 1, true));
		end);

		it("is expected when Prosody ends", function ()
			local world = running();
			world.hooks["server-stopping"].handler();
			assert.is_true(world.pipe.is_closed);
			assert.is_nil(last_timer(world));
			assert.same({}, logged(world, "warn"));
		end);

		it("closes the pipe of the one that has ended", function ()
			local world = running();
			world.connections[1]:lose();
			assert.is_true(world.pipe.is_closed);
		end);
	end);

	describe("a start that fails", function ()
		it("is logged once, whatever file it is noticed at, and repeated", function ()
			local world = new_world(COMMAND);
			world.open_error = "Too many open files";
			world.elapse(0);
			world.open_error, world.popen_error = nil, "Too many open files";
			world.elapse(0.5);
			world.elapse(1);
			assert.same({ "error cannot start xtokend in /data/xtokend: Too many open files. "
				.. "Raise the limit of Prosody (LimitNOFILE= of its unit, or ulimit -n)" }, world.log);
			world.popen_error = nil;
			world.elapse(2);
			assert.equal(1, #world.commands);
		end);

		it("names the directory that can't be created", function ()
			local world = new_world(COMMAND);
			world.mkdir_error = "Permission denied";
			world.elapse(0);
			assert.same({ "error cannot start xtokend in /data/xtokend: Permission denied. "
				.. "Let the user of Prosody write there: see the owners with namei -l /data/xtokend" }, world.log);
		end);

		it("shows the error that xtokend reports, once", function ()
			local world = started();
			for count = 1, 2 do
				write(world, "error some cause\n");
				assert.same({ "error xtokend: some cause" }, world.log);
				world.elapse(last_timer(world));
				assert.equal(count + 1, #world.commands);
			end
		end);

		it("shows the command if xtokend reports nothing, and gives up after 30 s", function ()
			local world = started();
			write(world, "pid 7\n");
			world.now = 6;
			world.elapse(0.05);
			assert.same({ "error xtokend is not ready after 5 s; see its own log" }, world.log);
			world.now = 31;
			world.elapse(0.05);
			assert.is_true(world.pipe.is_closed);
			assert.equal(0.5, last_timer(world));
		end);
	end);

	describe("errors of the configuration", function ()
		it("are shown again at each reload", function ()
			local world = running();
			for count = 1, 2 do
				world.hooks["config-reloaded"].handler();
				world.hooks["config-reloaded"].handler();
				world.elapse(0);
				assert.equal(("reload\n"):rep(count), world.pipe.written);
				world.files[STATE] = world.files[STATE] .. "error reload failed\n";
				world.elapse(1);
				assert.equal(count, #logged(world, "error"));
			end
		end);

		it("do not wait for the end of a line, and a line is read whole", function ()
			local world = running();
			world.files[STATE] = world.files[STATE] .. "error in two ";
			world.elapse(1);
			assert.same({}, logged(world, "error"));
			world.files[STATE] = world.files[STATE] .. "parts\n";
			world.elapse(1);
			assert.same({ "error xtokend: in two parts" }, logged(world, "error"));
		end);

		it("start it at once after a reload of Prosody", function ()
			local world = running();
			world.connections[1]:lose();
			world.hooks["config-reloaded"].handler();
			world.elapse(0);
			world.elapse(0);
			assert.equal(2, #world.commands);
		end);
	end);

	describe("logins while it starts", function ()
		it("wait, and try to connect every 50 ms without an error", function ()
			local world = new_world(COMMAND);
			world.refuses = true;
			local login = world.log_in("token");
			for _ = 1, 5 do world.elapse(0.05); end
			assert.equal(6, world.attempts);
			assert.same({}, world.log);
			world.refuses = false;
			world.elapse(0.05);
			world.connections[1]:receive("OK\t1\n");
			assert.equal("success", login.answer);
		end);

		it("log an error after 5 s, at the second attempt", function ()
			local world = new_world(COMMAND);
			world.refuses, world.now = true, 5;
			world.log_in("token");
			assert.same({}, world.log);
			world.elapse(0.05);
			assert.equal("error xtokend does not answer at /data/xtokend/xtokend.sock: connection refused. "
				.. "Until it does, logins fail with temporary-auth-failure. "
				.. "Prosody starts xtokend, and starts it again if it ends. See the errors above", world.log[1]);
		end);
	end);
end);
