-- Tests which sessions end after which answers of xtokend, and what happens without one.

local new_world = dofile("test/prosody/stand_in.lua");

-- A session that keeps the reason with which it was closed.
local function new_session(name, fields)
	local session = { username = name, host = "example.com" };
	for key, value in pairs(fields or {}) do session[key] = value; end
	function session:close(reason)
		for key in pairs(self) do self[key] = nil; end
		self.destroyed, self.reason = true, reason;
	end
	return session;
end

-- Logs users in. Returns their sessions.
local function log_in(world, ...)
	local sessions = {};
	for index, name in ipairs { ... } do
		sessions[index] = new_session(name);
		-- The module keeps no session that is not open elsewhere.
		world.open = { sessions[index], world.open };
		world.hooks["authentication-success"].handler({ session = sessions[index] });
	end
	return (table.unpack or unpack)(sessions); -- luacheck: ignore 113/unpack 143/table
end

-- Returns the requests since the last call: the sorted names of each.
local function requests(world)
	local conn, result = world.connections[#world.connections], {};
	local written = conn.written:sub((world.read or 0) + 1):gsub("VERSION\t1\t0\n", "");
	world.read = #conn.written;
	for id, names in written:gmatch("RECHECK\t(%d+)\texample.com([^\n]*)\n") do
		local list = {};
		for name in names:gmatch("\t([^\t]*)") do table.insert(list, name); end
		table.sort(list);
		table.insert(result, table.concat(list, " "));
		world.id = id;
	end
	return result;
end

-- Answers the last request.
local function answer(world, parameters, status)
	world.connections[#world.connections]:receive(("%s\t%s\t%s\n"):format(status or "OK", world.id, parameters));
end

-- Starts a check, and answers its requests with this version and these users.
local function check(world, version, ...)
	world.tick();
	local all = {};
	while true do
		local names = requests(world);
		if not names[1] then return all; end
		for _, list in ipairs(names) do table.insert(all, list); end
		local users = "";
		for _, name in ipairs { ... } do users = users .. "\tuser=" .. name; end
		answer(world, "version=" .. version .. users);
	end
end

describe("xtoken_sessions", function ()
	local DISABLED = { condition = "not-authorized", text = "This account is disabled." };

	it("asks nothing while nobody is logged in", function ()
		local world = new_world();
		assert.equal(2, world.tick());
		local alice = log_in(world, "alice");
		alice:close();
		world.tick();
		assert.equal(0, #world.connections);
	end);

	it("asks about each user once, and about all again after the version has changed", function ()
		local world = new_world();
		log_in(world, "alice", "alice", "bob");
		assert.same({ "alice bob", "alice bob" }, check(world, "1"));
		assert.same({ "" }, check(world, "1"));
		log_in(world, "carol", "alice");
		assert.same({ "alice carol" }, check(world, "1"));
		assert.same({ "" }, check(world, "1"));
		assert.same({ "", "alice bob carol" }, check(world, "2"));
		assert.same({ "" }, check(world, "2"));
		assert.same({}, world.log);
	end);

	it("ends all sessions of the named users, and no others, and logs each user", function ()
		local world = new_world();
		local alice, phone, bob, carol = log_in(world, "alice", "alice", "bob", "carol");
		check(world, "1", "alice", "carol", "dave");
		assert.same({ DISABLED, DISABLED, DISABLED }, { alice.reason, phone.reason, carol.reason });
		assert.is_nil(bob.destroyed);
		local SUFFIX = ", because xtokend no longer accepts the user; see the log of xtokend: journalctl -u xtokend";
		table.sort(world.log);
		assert.same({
			"info ended 1 session of carol@example.com" .. SUFFIX,
			"info ended 2 sessions of alice@example.com" .. SUFFIX,
		}, world.log);
		assert.same({ "" }, check(world, "1"));
	end);

	it("ends the session of a login that was in progress while the version changed", function ()
		local world = new_world();
		log_in(world, "alice");
		check(world, "1");
		check(world, "2");
		local bob = log_in(world, "bob");
		assert.same({ "bob" }, check(world, "2", "bob"));
		assert.same(DISABLED, bob.reason);
	end);

	it("tracks the sessions that exist when the module is loaded", function ()
		local bound = new_session("alice", { full_jid = "alice@example.com/x" });
		local unbound, bosh = new_session("bob"), new_session("carol");
		local world = new_world({
			sessions = { alice = { sessions = { x = bound } } };
			shared = {
				["/*/c2s/sessions"] = {
					bound, unbound, new_session(nil), new_session("dave", { host = "other.example" }),
				};
				["/*/bosh/sessions"] = { x = bosh };
			};
		});
		check(world, "1", "alice", "bob", "carol", "dave");
		assert.same({ DISABLED, DISABLED, DISABLED }, { bound.reason, unbound.reason, bosh.reason });
	end);

	it("tracks sessions of modules that don't report a login", function ()
		local world = new_world();
		local alice = new_session("alice");
		world.hooks["resource-bind"].handler({ session = alice });
		check(world, "1", "alice");
		assert.same(DISABLED, alice.reason);
	end);

	it("forgets the session of a connection that another session has taken", function ()
		local world = new_world();
		local hibernating, new = log_in(world, "alice", "alice");
		world.hooks["smacks-hibernation-end"].handler({ origin = new, resumed = hibernating });
		check(world, "1", "alice");
		assert.same(DISABLED, hibernating.reason);
		assert.is_nil(new.reason);
	end);

	it("makes BOSH sessions end for good, without a last stanza of mod_smacks", function ()
		local world = new_world();
		local bosh = new_session("alice", { bosh_max_inactive = 60, conn = {} });
		world.hooks["authentication-success"].handler({ session = bosh });
		check(world, "1", "alice");
		assert.same(DISABLED, bosh.reason);
		assert.equal("pre-session-close", world.events[1].name);
		assert.same({ session = bosh, reason = DISABLED }, world.events[1].event);
		assert.is_nil(bosh.conn);
	end);

	it("sends an error with a prefix over WebSocket, and destroys what mod_websocket leaves", function ()
		local world = new_world();
		local open, hibernating = log_in(world, "alice", "alice");
		open.websocket_request, hibernating.websocket_request = {}, {};
		function hibernating.close() end
		check(world, "1", "alice");
		local reason = open.reason;
		assert.equal("http://etherx.jabber.org/streams", reason.attr["xmlns:stream"]);
		assert.same({ "not-authorized", "text", "This account is disabled." }, { reason[1], reason[2], reason[3] });
		assert.is_true(hibernating.destroyed);
	end);

	it("tries again if a session could not be ended, and ends the others", function ()
		local world = new_world();
		local broken, other, kept = log_in(world, "alice", "alice", "bob");
		local close = broken.close;
		function broken.close() error("something of another module"); end
		function kept.close() end
		world.keeps_sessions = true;
		check(world, "1", "alice", "bob");
		assert.same(DISABLED, other.reason);
		local log = table.concat(world.log, "\n");
		assert.truthy(log:find("error could not end a session of alice@[^\n]*something of another module"), log);
		assert.truthy(log:find("error could not end a session of bob@[^\n]*another module keeps it"), log);
		assert.truthy(log:find("info ended 1 session of alice@"), log);
		broken.close = close;
		assert.same({ "alice bob" }, check(world, "1", "alice"));
		assert.same(DISABLED, broken.reason);
	end);

	it("escapes names in the log", function ()
		local world = new_world();
		log_in(world, "a\226\128\174b");
		check(world, "1", "a\226\128\174b");
		assert.truthy(world.log[1]:find("a\\xe2\\x80\\xaeb@example.com", 1, true), world.log[1]);
	end);

	it("reads names that contain what is escaped", function ()
		local world = new_world();
		local odd = log_in(world, "a\tb\1");
		check(world, "1", "a\1tb\0011");
		assert.same(DISABLED, odd.reason);
	end);

	it("asks about many users in lines that xtokend can answer, one after the other", function ()
		local world = new_world();
		for index = 1, 1000 do log_in(world, ("user%d"):format(index)); end
		log_in(world, ("x"):rep(1023), ("\1"):rep(1023));
		local lines = {};
		world.tick();
		while true do
			local written = world.connections[1].written;
			local last = written:match("([^\n]*)\n$");
			local names = requests(world);
			if not names[1] then break; end
			assert.equal(1, #names);
			table.insert(lines, last);
			local everybody = last:gsub("^RECHECK\t%d+\texample.com", ""):gsub("\t", "\tuser=");
			assert.is_true(#everybody + #"OK\t\tversion=" + 15 + 64 <= 4096);
			answer(world, "version=1");
		end
		assert.is_true(#lines > 5 and #lines < 25);
	end);

	it("does not ask about names that xtokend can't read", function ()
		local world = new_world();
		local long, broken, empty, alice = log_in(world, ("x"):rep(1024), "a\255", "", "alice");
		assert.same({ "alice" }, check(world, "1", "alice"));
		assert.same(DISABLED, alice.reason);
		assert.is_nil(long.reason or broken.reason or empty.reason);
	end);

	describe("without an answer", function ()
		it("asks about the same users at the next interval", function ()
			local world = new_world();
			log_in(world, "alice");
			world.refuses = true;
			world.tick();
			world.elapse(5);
			world.refuses = false;
			world.tick();
			world.elapse(0.05);
			assert.same({ "alice" }, requests(world));
			-- The client has logged the outage.
			assert.equal(1, #world.log);
		end);

		it("starts no second check", function ()
			local world = new_world();
			log_in(world, "alice");
			world.tick();
			assert.same({ "alice" }, requests(world));
			log_in(world, "bob");
			assert.equal(2, world.tick());
			assert.same({}, requests(world));
			answer(world, "version=1");
			assert.same({ "alice bob" }, requests(world));
		end);

		it("keeps all sessions, and logs the reason once, if xtokend can't tell", function ()
			local world = new_world();
			local alice = log_in(world, "alice");
			for _, parameters in ipairs { "reason=no-configuration\ttemp\tuser=alice", "reason=no-configuration\ttemp",
				"reason=malformed-request" } do
				world.tick();
				assert.same({ "alice" }, requests(world));
				answer(world, parameters, "FAIL");
			end
			assert.is_nil(alice.destroyed);
			assert.equal(2, #world.log);
			assert.truthy(world.log[1]:find("^warn could not check whether users may stay, .*: no%-configuration; see the log"));
			check(world, "1");
			world.tick();
			requests(world);
			answer(world, "reason=malformed-request", "FAIL");
			assert.equal(3, #world.log);
		end);

		it("ignores an answer without a version", function ()
			local world = new_world();
			local alice = log_in(world, "alice");
			world.tick();
			requests(world);
			answer(world, "user=alice");
			assert.is_nil(alice.destroyed);
			assert.truthy(world.log[1]:find("the answer has no version", 1, true));
		end);

		it("asks an old xtokend once a minute, and logs once that it has to be upgraded", function ()
			local world = new_world();
			log_in(world, "alice");
			world.tick();
			for _ = 1, 3 do
				requests(world);
				answer(world, "reason=unsupported-operation", "FAIL");
				assert.equal(60, world.tick());
			end
			assert.equal(1, #world.log);
			assert.truthy(world.log[1]:find("^warn this xtokend can't end open sessions.*Upgrade it"), world.log[1]);
		end);

		it("goes on at the next interval if the version changes with each answer", function ()
			local world = new_world();
			log_in(world, "alice");
			world.tick();
			for version = 1, 3 do
				assert.same({ "alice" }, requests(world));
				answer(world, "version=" .. version);
			end
			assert.same({}, requests(world));
			assert.same({ "alice" }, check(world, "3"));
		end);

		for _, parameters in ipairs { "version", "version=", "version=1\tnext", "version=1\trevoked_at=-1",
			"version=1\trevoked_at", "version=1\trevoked_at=1e3", "version=1\trevoked_at=" .. ("1"):rep(16) } do
			it(("closes the connection after %q"):format(parameters), function ()
				local world = new_world();
				local alice = log_in(world, "alice");
				world.tick();
				requests(world);
				answer(world, parameters .. "\tuser=alice");
				assert.is_false(world.connections[1].open);
				assert.is_nil(alice.destroyed);
			end);
		end
	end);
end);
