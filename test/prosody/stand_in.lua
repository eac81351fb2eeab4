-- A stand-in of Prosody, with timers that the tests run, and connections that keep what was written.

local path = assert(os.getenv("XTOKEND_MODULE"), "expected the path of the module in XTOKEND_MODULE");
local load_chunk = loadstring or load;

-- Loads a file with the globals of a module.
local function load_file(name, environment)
	local file = assert(io.open(name));
	local source = file:read("*a");
	file:close();
	if setfenv then
		return setfenv(assert(load_chunk(source, "@" .. name)), environment); -- luacheck: ignore 113/setfenv
	end
	return assert(load(source, "@" .. name, "t", environment));
end

-- Like Prosody's util.encodings.utf8.valid, for tests with any version of Lua.
local function is_valid_utf8(text)
	local rest = text:gsub("[\1-\127%z]", "");
	while rest ~= "" do
		local character = rest:match("^[\194-\223][\128-\191]") or rest:match("^[\224-\239][\128-\191][\128-\191]")
			or rest:match("^[\240-\244][\128-\191][\128-\191][\128-\191]");
		local is_valid = character and not character:find("^\224[\128-\159]") and not character:find("^\237[\160-\191]")
			and not character:find("^\240[\128-\143]") and not character:find("^\244[\144-\191]");
		if not is_valid then return false; end
		rest = rest:sub(#character + 1);
	end
	return true;
end

-- Loads the module. Options are the settings of the host. A connection opens after the call that created it, and
-- xtokend's VERSION follows unless has_no_handshake is set.
local function new(options)
	local world = {
		connections = {}, timers = {}, log = {}, refuses = false, attempts = 0, counts = {}, hooks = {}, events = {};
		module_timers = {}; -- those of module:add_timer
		shared = setmetatable(options and options.shared or {}, { __index = function (all, key)
			all[key] = {};
			return all[key];
		end });
	};

	local function connection_of(socket, _, _, listeners)
		local conn = { written = "", open = true, queue = "" };
		function socket.send(_, data)
			local room = world.room or #data;
			local sent = data:sub(1, room);
			conn.written = conn.written .. sent;
			if #sent == #data then return #data; end
			return nil, world.send_error or "timeout", #sent;
		end
		function conn:write(data) self.queue = self.queue .. data; end
		function conn:drain()
			self.written, self.queue = self.written .. self.queue, "";
			listeners.ondrain(self);
		end
		function conn:close() self.open = false; end
		function conn:receive(data) listeners.onincoming(self, data); end
		function conn:lose() self.open = false; listeners.ondisconnect(self, "closed"); end
		function conn:open_up()
			self.was_opened = true;
			listeners.onconnect(self);
			if not world.has_no_handshake then self:receive("VERSION\t1\t0\n"); end
		end
		-- Returns the lines after the handshake, with spaces instead of tabs.
		function conn:requests() return (self.written:gsub("^VERSION\t1\t0\n", ""):gsub("\t", " ")); end
		table.insert(world.connections, conn);
		return conn;
	end

	local function open_connections()
		for _, conn in ipairs(world.connections) do
			if not conn.was_opened and not world.stays_closed then conn:open_up(); end
		end
	end

	-- The file to which xtokend writes its state, and the commands that were run for sh.
	world.files, world.commands, world.now, world.pipe = options and options.files or {}, {}, 0, { written = "" };
	function world.pipe.setvbuf() end
	function world.pipe:write(text) self.written = self.written .. text; end
	function world.pipe:close() self.is_closed = true; end

	local function open_file(name, mode)
		if world.open_error then return nil, name .. ": " .. world.open_error; end
		if mode == "w" then world.files[name] = ""; end
		local text, position = world.files[name], 0;
		if not text then return nil, name .. ": No such file or directory"; end
		return {
			seek = function (_, _, offset) position = offset; end;
			read = function (_, what) return type(what) == "number" and text:sub(1, what) or text:sub(position + 1); end;
			close = function () end;
		};
	end

	local modules = {
		["lfs"] = {
			attributes = function () return nil; end;
			mkdir = function () return world.mkdir_error == nil, world.mkdir_error; end;
		};
		["util.logger"] = { init = function ()
			return function (level, message, ...) table.insert(world.log, level .. " " .. message:format(...)); end;
		end };
		["util.async"] = {
			ready = function () return coroutine.running() ~= nil and world.can_wait; end;
			runner = function (func, watchers)
				local runner = { state = "ready" };
				function runner:run(item)
					self.state = "waiting";
					assert(coroutine.resume(coroutine.create(function ()
						local ok, problem = pcall(func, item);
						self.state = "ready";
						if not ok then watchers.error(self, problem); end
					end)));
				end
				return runner;
			end;
			waiter = function ()
				local thread, is_done, waits = coroutine.running(), false, false;
				return function ()
					waits = true;
					if not is_done then coroutine.yield(); end
				end, function ()
					is_done = true;
					if waits then assert(coroutine.resume(thread)); end
				end;
			end;
		};
		["core.modulemanager"] = { is_loaded = function (_, name)
			return options and options.modules and options.modules[name];
		end };
		["core.portmanager"] = { get_active_services = function ()
			return { get = function (_, name) return options and options.services and options.services[name]; end };
		end };
		["core.sessionmanager"] = { destroy_session = function (session)
			if world.keeps_sessions then return; end
			session.destroyed = true;
		end };
		["util.stanza"] = { stanza = function (name, attributes)
			local tag = { name = name, attr = attributes };
			for _, method in ipairs { "tag", "text", "up" } do
				tag[method] = function (self, ...) table.insert(self, ({ ... })[1]); return self; end;
			end
			return tag;
		end };
		["util.encodings"] = { utf8 = { valid = is_valid_utf8 } };
		["util.sasl"] = {
			registerMechanism = function () end;
			new = function (_, profile)
				return {
					mechs = profile.mechanisms;
					profile = profile;
					process = function (self, password)
						if password == "" then return "failure", "malformed-request"; end
						local correct = profile.plain_test(self, "alice", password);
						if correct then return "success"; end
						return "failure", "not-authorized", "Prosody's text";
					end;
				};
			end;
		};
		["util.sasl.plain"] = { init = function () end };
		["util.time"] = { monotonic = function () return world.now; end };
		["util.timer"] = {
			add_task = function (seconds, callback)
				local timer = { seconds = seconds, callback = callback };
				table.insert(world.timers, timer);
				return timer;
			end;
			stop = function (timer) timer.callback = nil; end;
		};
		["net.server"] = { wrapclient = connection_of };
		["socket.unix"] = { stream = function ()
			if world.has_no_descriptors then return nil, "too many open files"; end
			return {
				settimeout = function () return 1; end;
				close = function () end;
				connect = function ()
					world.attempts = world.attempts + 1;
					if world.refuses then return nil, "connection refused"; end
					return 1;
				end;
			};
		end };
	};

	local metric = { add = function () end, sample = function () end };
	function metric.with_labels(_, operation, outcome)
		if outcome then table.insert(world.counts, operation .. " " .. outcome); end
		return metric;
	end
	local function option(_, name, default)
		if options and options[name] ~= nil then return options[name]; end
		return default;
	end
	local module = {
		host = options and options.host or "example.com";
		get_option_string = option;
		get_option_number = option;
		get_option_boolean = option;
		get_option_array = function (_, name)
			local value = option(nil, name);
			return type(value) == "string" and { value } or value;
		end;
		shared = function () return options and options.shared or {}; end;
		hook_global = function (_, name, handler) world.hooks[name] = { handler = handler }; end;
	};
	local environment = setmetatable({
		module = module;
		prosody = {
			hosts = { [options and options.host or "example.com"] = { sessions = options and options.sessions or {} } };
			start_time = options and options.start_time;
			paths = { data = "/data" };
			process_type = options and options.process_type or "prosody";
		};
		io = {
			open = open_file;
			popen = function (command)
				if world.popen_error then return nil, world.popen_error; end
				table.insert(world.commands, command);
				world.pipe.is_closed = nil;
				return world.pipe;
			end;
		};
		require = function (name) return modules[name] or error("no module " .. name); end;
	}, { __index = _G });
	function module.metric() return metric; end
	function module.hook(_, name, handler, priority) world.hooks[name] = { handler = handler, priority = priority }; end
	function module.fire_event(_, name, event) table.insert(world.events, { name = name, event = event }); end
	module.hook_global = module.hook;
	function module.context() return module; end
	function module.shared(_, name) return world.shared[name]; end
	function module.add_timer(_, seconds, callback)
		table.insert(world.module_timers, { seconds = seconds, callback = callback });
	end
	function module.log(_, level, message, ...) table.insert(world.log, level .. " " .. message:format(...)); end
	function module.provides(_, _, provider) world.provider = provider; end
	function module.require(_, name)
		if options and options.has_no_client then error("Failed to load plugin library '" .. name .. "'"); end
		return load_file(path:match("^.*/") .. name .. ".lib.lua", environment)();
	end

	-- Runs the pending timers with this duration, the oldest first.
	function world.elapse(seconds)
		for index = 1, #world.timers do
			local timer = world.timers[index];
			local callback = timer.callback;
			if timer.seconds == seconds and callback then
				timer.callback = nil;
				callback();
			end
		end
		open_connections();
	end

	-- Runs the timer of module:add_timer, which must be the only one. Returns the seconds until it runs again.
	function world.tick()
		assert(#world.module_timers == 1);
		local seconds = world.module_timers[1].callback();
		open_connections();
		return seconds;
	end

	-- Runs the n-th timer, which must be pending.
	function world.run_timer(index)
		local callback = assert(world.timers[index].callback, "this timer is not pending");
		world.timers[index].callback = nil;
		callback();
	end

	-- Starts a function of the provider, or another function. Returns a table that will contain its results.
	function world.start(method, ...)
		local result, arguments = {}, { ... };
		world.can_wait = true;
		assert(coroutine.resume(coroutine.create(function ()
			local ask = type(method) == "function" and method or world.provider[method];
			result.answer, result.condition, result.text = ask(arguments[1], arguments[2]);
			result.done = true;
		end)));
		world.can_wait = false;
		open_connections();
		return result;
	end

	-- Starts a login through SASL.
	function world.log_in(password, session)
		local handler = world.provider.get_sasl_handler(session or { secure = true, ip = "192.0.2.7" });
		return world.start(function () return handler:process(password); end);
	end

	-- Starts the hook of an event. Returns a table that will contain its result.
	function world.fire(name, event)
		return world.start(function () return world.hooks[name].handler(event); end);
	end

	world.module, world.environment = module, environment;
	load_file(path, environment)();
	return world;
end

return new;
