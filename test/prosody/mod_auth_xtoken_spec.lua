-- Tests what a real Prosody does not do on demand: split answers, timeouts, and lost connections at an exact moment.
-- Prosody is a stand-in here, with timers that the tests run, and connections that keep what was written.

local path = assert(os.getenv("XTOKEND_MODULE"), "expected the path of the module in XTOKEND_MODULE");
local load_chunk = loadstring or load;

local function fake_prosody(options)
	local world = { connections = {}, timers = {}, log = {}, refuses = false, attempts = 0 };

	local function connection_of(_, _, _, listeners)
		local conn = { written = "", open = true };
		function conn:write(data) self.written = self.written .. data; end
		function conn:close() self.open = false; end
		function conn:answer(data) listeners.onincoming(self, data); end
		function conn:lose() self.open = false; listeners.ondisconnect(self, "closed"); end
		function conn.open_up(self) listeners.onconnect(self); end
		table.insert(world.connections, conn);
		return conn;
	end

	-- A connection opens a moment after it was created.
	local function open_connections()
		for _, conn in ipairs(world.connections) do
			if not conn.was_opened and not world.stays_closed then
				conn.was_opened = true;
				conn:open_up();
			end
		end
	end

	local modules = {
		["util.async"] = {
			ready = function () return coroutine.running() ~= nil and world.can_wait; end;
			waiter = function ()
				local thread = coroutine.running();
				return coroutine.yield, function () assert(coroutine.resume(thread)); end;
			end;
		};
		["util.sasl"] = {
			registerMechanism = function () end;
			new = function (_, profile)
				return {
					mechs = profile.mechanisms;
					process = function (self, password)
						if password == "" then return "failure", "malformed-request"; end
						local correct = profile.plain_test(self, "alice", password);
						return correct and "success" or "failure", not correct and "not-authorized" or nil;
					end;
				};
			end;
		};
		["util.sasl.plain"] = { init = function () end };
		["util.time"] = { monotonic = function () return 0; end };
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

	local metric = { with_labels = function (self) return self; end, add = function () end, sample = function () end };
	local function option(_, name, default) return options and options[name] or default; end
	local module = {
		host = "example.com";
		get_option_string = option;
		get_option_number = option;
		get_option_boolean = option;
	};
	function module.metric() return metric; end
	function module.log(_, level, message, ...) table.insert(world.log, level .. " " .. message:format(...)); end
	function module.provides(_, _, provider) world.provider = provider; end

	-- Runs the pending timers with this duration.
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

	-- Starts a request; returns a table that will contain its outcome.
	function world.start(method, ...)
		local result, arguments = {}, { ... };
		world.can_wait = true;
		assert(coroutine.resume(coroutine.create(function ()
			local ask = type(method) == "function" and method or world.provider[method];
			result.answer, result.reason = ask(arguments[1], arguments[2]);
			result.done = true;
		end)));
		world.can_wait = false;
		open_connections();
		return result;
	end

	local environment = setmetatable({
		module = module;
		require = function (name) return modules[name] or error("no module " .. name); end;
	}, { __index = _G });
	local file = assert(io.open(path));
	local source = file:read("*a");
	file:close();
	local chunk;
	if setfenv then
		chunk = setfenv(assert(load_chunk(source, "@" .. path)), environment); -- luacheck: ignore 113/setfenv
	else
		chunk = assert(load(source, "@" .. path, "t", environment));
	end
	chunk();
	world.module = module;
	return world;
end

describe("mod_auth_xtoken", function ()
	it("sends all requests as lines on one connection, and gives each its own answer", function ()
		local world = fake_prosody();
		local alice, bob, carol = world.start("test_password", "alice", "one"), world.start("test_password", "bob", "two"),
			world.start("user_exists", "carol");
		assert.equal(1, #world.connections);
		assert.equal("auth:alice:example.com:one\nauth:bob:example.com:two\nisuser:carol:example.com\n",
			world.connections[1].written);
		world.connections[1]:answer("0\n1\n0\n");
		assert.same({ { answer = false, done = true }, { answer = true, done = true }, { answer = false, done = true } },
			{ alice, bob, carol });
	end);

	it("waits for the rest of a split answer", function ()
		local world = fake_prosody();
		local alice, bob = world.start("test_password", "alice", "one"), world.start("test_password", "bob", "two");
		world.connections[1]:answer("1");
		assert.is_nil(alice.done);
		world.connections[1]:answer("\n0");
		assert.is_true(alice.answer);
		assert.is_nil(bob.done);
		world.connections[1]:answer("\n");
		assert.is_false(bob.answer);
	end);

	it("closes a connection after a timeout, and ignores late answers on it", function ()
		local world = fake_prosody();
		local alice = world.start("user_exists", "alice");
		world.elapse(5);
		assert.is_true(alice.done);
		assert.is_false(world.connections[1].open);
		local mallory = world.start("test_password", "mallory", "bad");
		world.connections[1]:answer("1\n");
		assert.is_nil(mallory.done);
		assert.equal(2, #world.connections);
		world.connections[2]:answer("0\n");
		assert.is_false(mallory.answer);
	end);

	for _, garbage in ipairs { "2\n", "11", "\n1", "1\r\n", "yes\n" } do
		it(("closes the connection after the invalid answer %q"):format(garbage), function ()
			local world = fake_prosody();
			local alice = world.start("test_password", "alice", "one");
			world.connections[1]:answer(garbage);
			assert.is_false(world.connections[1].open);
			assert.is_not_true(alice.answer);
		end);
	end

	it("repeats a request once if the connection is lost, and treats a refusal as uncertain then", function ()
		local world = fake_prosody();
		local first = world.start("user_exists", "alice");
		local second = world.start("user_exists", "bob");
		world.connections[1]:answer("0\n");
		assert.is_false(first.answer);
		world.connections[1]:lose();
		assert.is_nil(second.done);
		world.elapse(0.05);
		assert.equal("isuser:bob:example.com\n", world.connections[2].written);
		world.connections[2]:answer("0\n");
		-- Not false.
		assert.is_true(second.answer);
	end);

	it("does not repeat a request twice", function ()
		local world = fake_prosody();
		local alice = world.start("test_password", "alice", "one");
		world.connections[1]:lose();
		world.elapse(0.05);
		world.connections[2]:lose();
		assert.same({ answer = false, done = true }, alice);
		world.elapse(0.1);
		assert.equal(2, #world.connections);
	end);

	it("retries the connection with a delay that grows to 0.5 s, and logs the failure once", function ()
		local world = fake_prosody();
		world.refuses = true;
		world.start("test_password", "alice", "one");
		local pauses = {};
		for _, seconds in ipairs { 0.05, 0.1, 0.2, 0.4, 0.5, 0.5 } do
			world.elapse(seconds);
			table.insert(pauses, world.timers[#world.timers].seconds);
		end
		assert.same({ 0.1, 0.2, 0.4, 0.5, 0.5, 0.5 }, pauses);
		assert.equal(1, #world.log);
		assert.truthy(world.log[1]:find("connection refused", 1, true));
	end);

	it("refuses credentials that would make two requests, or one for another host", function ()
		local world = fake_prosody();
		for _, credentials in ipairs {
			{ "alice", "x\nauth:bob:example.com:y" }, { "alice", "x\ry" }, { "alice", "x\0y" },
			{ "alice:elsewhere.example", "x" }, { "alice\n", "x" }, { "alice", ("x"):rep(4096) },
		} do
			assert.same({ answer = false, done = true }, world.start("test_password", credentials[1], credentials[2]));
		end
		assert.equal(0, #world.connections);
	end);

	it("reports every user as existing if it cannot wait or gets no answer", function ()
		local world = fake_prosody();
		world.can_wait = false;
		assert.is_true(world.provider.user_exists("alice"));
		assert.is_nil((world.provider.test_password("alice", "one")));
		assert.equal(0, #world.connections);
		world.refuses = true;
		local bob = world.start("user_exists", "bob");
		world.elapse(5);
		assert.is_true(bob.answer);
	end);

	it("refuses pending requests when it is unloaded, and closes its connection", function ()
		local world = fake_prosody();
		local alice = world.start("test_password", "alice", "one");
		world.module.unload();
		assert.same({ answer = false, done = true }, alice);
		assert.is_false(world.connections[1].open);
	end);

	it("discards half an answer when its connection is lost", function ()
		local world = fake_prosody();
		local alice = world.start("user_exists", "alice");
		world.connections[1]:answer("1");
		world.connections[1]:lose();
		world.elapse(0.05);
		world.connections[2]:answer("1\n");
		assert.is_true(alice.answer);
		assert.is_true(world.connections[2].open);
	end);

	it("cancels the timeout of an answered request", function ()
		local world = fake_prosody();
		world.start("user_exists", "alice");
		world.connections[1]:answer("1\n");
		world.elapse(5);
		assert.is_true(world.connections[1].open);
	end);

	it("keeps the delay for further requests, and resets it after an answer", function ()
		local world = fake_prosody();
		world.refuses = true;
		world.start("test_password", "alice", "one");
		world.start("test_password", "bob", "two");
		assert.equal(1, world.attempts);
		world.elapse(0.05);
		world.elapse(0.1);
		world.refuses = false;
		world.elapse(0.2);
		assert.equal(4, world.attempts);
		world.connections[1]:answer("1\n1\n");
		world.start("user_exists", "carol");
		world.connections[1]:lose();
		assert.equal(0.05, world.timers[#world.timers].seconds);
	end);

	it("distinguishes a refused login from one that cannot be checked, at each attempt", function ()
		local world = fake_prosody();
		local handler = world.provider.get_sasl_handler({ secure = true });
		for _ = 1, 2 do
			world.refuses = false;
			local attempt = handler;
			local refused = world.start(function () return attempt:process("bad"); end);
			world.connections[#world.connections]:answer("0\n");
			assert.equal("not-authorized", refused.reason);
			world.connections[#world.connections]:lose();
			world.refuses = true;
			local unavailable = world.start(function () return attempt:process("good"); end);
			world.elapse(5);
			assert.equal("temporary-auth-failure", unavailable.reason);
			-- Run the pending attempts to connect, for which no request waits.
			for _, seconds in ipairs { 0.05, 0.1, 0.2, 0.4, 0.5 } do world.elapse(seconds); end
			handler = handler:clean_clone();
		end
	end);

	local LOG_OF_XTOKEND = "; its log has the reason: journalctl -u xtokend";

	it("logs the JID of a refused login, and does not log an accepted one", function ()
		local world = fake_prosody();
		local handler = world.provider.get_sasl_handler({ secure = true });
		world.start(function () return handler:process("good"); end);
		world.start("test_password", "bob", "good");
		world.connections[1]:answer("1\n1\n");
		assert.same({}, world.log);
		world.start(function () return handler:process("bad"); end);
		world.start("test_password", "bob", "bad");
		world.start("user_exists", "carol");
		world.connections[1]:answer("0\n0\n0\n");
		assert.same({
			"info xtokend refused the login of alice@example.com" .. LOG_OF_XTOKEND,
			"info xtokend refused the login of bob@example.com" .. LOG_OF_XTOKEND,
		}, world.log);
	end);

	it("logs why any other login fails, without the password", function ()
		local world = fake_prosody();
		local handler = world.provider.get_sasl_handler({ secure = true });
		world.start(function () return handler:process(""); end);
		world.start(function () return handler:process("secret\n"); end);
		world.start("test_password", "bob", ("secret"):rep(1000));
		world.provider.test_password("carol", "secret");
		world.start("test_password", "dave", "secret");
		world.elapse(5);
		for index, expected in ipairs {
			"^info refused a login at example.com without asking xtokend: the user name or password is missing",
			"^info refused the login of alice@example.com without asking xtokend: the user name or password is too long",
			"^info refused the login of bob@example.com without asking xtokend: ",
			"^info could not check the login of carol@example.com: ",
			"^error xtokend does not answer",
			"^info could not check the login of dave@example.com: no certain answer from xtokend at /",
		} do
			assert.truthy(world.log[index]:find(expected), world.log[index]);
			assert.falsy(world.log[index]:find("secret", 1, true));
		end
		assert.equal(6, #world.log);
	end);

	for name, expected in pairs {
		["a\nb"] = "a\\x0ab", ["a\27[1mb"] = "a\\x1b[1mb", ['a"\\'] = "a\\x22\\x5c", ["a\194\155b"] = "a\\xc2\\x9bb",
		["a\226\128\168b"] = "a\\xe2\\x80\\xa8b", ["a\226\128\174b"] = "a\\xe2\\x80\\xaeb",
		["a\226\129\166b"] = "a\\xe2\\x81\\xa6b", ["a\243\160\128\129"] = "a\\xf3\\xa0\\x80\\x81", ["%s%n"] = "%s%n",
		["jos\195\169"] = "jos\195\169", ["\228\189\160"] = "\228\189\160",
		[("é"):rep(400)] = ("é"):rep(127) .. "…",
	} do
		it(("escapes the name %q in the log"):format(name), function ()
			local world = fake_prosody();
			world.start("test_password", name, "bad");
			if world.connections[1] then world.connections[1]:answer("0\n"); end
			assert.truthy(world.log[1]:find(" login of " .. expected .. "@example.com", 1, true), world.log[1]);
		end);
	end

	it("offers no mechanism on unencrypted connections, and logs once why", function ()
		local world = fake_prosody();
		local both = { PLAIN = true, ["X-TOKEN"] = true };
		assert.same(both, world.provider.get_sasl_handler({ secure = true }).mechs);
		assert.same(both, world.provider.get_sasl_handler({ secure = true }):clean_clone().mechs);
		assert.same({}, world.log);
		for _, session in ipairs { {}, { secure = false }, { encrypted = true } } do
			assert.same({}, world.provider.get_sasl_handler(session).mechs);
			assert.same({}, world.provider.get_sasl_handler(session):clean_clone().mechs);
		end
		assert.same({}, world.provider.get_sasl_handler().mechs);
		assert.equal(1, #world.log);
		assert.truthy(world.log[1]:find("consider_websocket_secure", 1, true));
	end);

	it("offers both mechanisms there with allow_unencrypted_plain_auth", function ()
		local world = fake_prosody({ allow_unencrypted_plain_auth = true });
		assert.same({ PLAIN = true, ["X-TOKEN"] = true }, world.provider.get_sasl_handler({}).mechs);
		assert.same({}, world.log);
	end);

	it("writes nothing to a connection before it is open", function ()
		local world = fake_prosody();
		world.stays_closed = true;
		local alice = world.start("user_exists", "alice");
		world.start("user_exists", "bob");
		assert.equal(1, #world.connections);
		assert.equal("", world.connections[1].written);
		world.connections[1]:open_up();
		assert.equal("isuser:alice:example.com\nisuser:bob:example.com\n", world.connections[1].written);
		world.connections[1]:answer("1\n");
		assert.is_true(alice.done);
	end);

	it("gives other requests their own answers if the caller of one raises an error", function ()
		local world = fake_prosody();
		world.start(function ()
			world.provider.user_exists("alice");
			error("something of another module");
		end);
		local bob, carol = world.start("test_password", "bob", "one"), world.start("test_password", "carol", "two");
		world.connections[1]:answer("1\n1\n0\n");
		assert.is_true(bob.answer);
		assert.is_false(carol.answer);
		assert.truthy(world.log[1]:find("something of another module", 1, true));
	end);

	it("reports every user as existing, without a request, while xtokend does not answer", function ()
		local world = fake_prosody();
		world.start("test_password", "alice", "one");
		world.elapse(5);
		assert.same({ answer = true, done = true }, world.start("user_exists", "bob"));
		assert.equal(1, #world.connections);
	end);

	it("sends no request after it was unloaded", function ()
		local world = fake_prosody();
		world.module.unload();
		assert.same({ answer = false, done = true }, world.start("test_password", "alice", "one"));
		assert.equal(0, #world.connections);
	end);

	it("retries if no file descriptor is left for a socket", function ()
		local world = fake_prosody();
		world.has_no_descriptors = true;
		local alice = world.start("test_password", "alice", "one");
		world.has_no_descriptors = false;
		world.elapse(0.05);
		world.connections[1]:answer("1\n");
		assert.is_true(alice.answer);
	end);

	for _, seconds in ipairs { 0, -1, math.huge, 3600 } do
		it(("uses 5 s if xtoken_timeout is %g"):format(seconds), function ()
			local world = fake_prosody({ xtoken_timeout = seconds });
			assert.equal(1, #world.log);
			world.start("test_password", "alice", "one");
			assert.equal(5, world.timers[1].seconds);
		end);
	end

	it("logs nothing if the connection is lost while no request is pending", function ()
		local world = fake_prosody();
		world.start("user_exists", "alice");
		world.connections[1]:answer("1\n");
		world.connections[1]:lose();
		assert.same({}, world.log);
		world.start("user_exists", "bob");
		assert.equal("isuser:bob:example.com\n", world.connections[2].written);
	end);
end);
