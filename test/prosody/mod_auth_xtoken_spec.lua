-- Tests what clients and Prosody's log show, with answers that a real xtokend does not give on demand.

local new_world = dofile("test/prosody/stand_in.lua");

describe("mod_auth_xtoken", function ()
	local SEE_LOG = "; see the log of xtokend: journalctl -u xtokend";
	local TEMPORARY = { "temporary-auth-failure", "Logins cannot be checked at the moment; try again later." };

	for answer, expected in pairs {
		["OK\t1"] = {},
		["OK\t1\tlater=yes\ttemp"] = {},
		["FAIL\t1\treason=replay-unknown\ttemp"] = TEMPORARY,
		["FAIL\t1\treason=replayed\texpired"] = { "credentials-expired", "The token is too old or was used. Get a new one." },
		["FAIL\t1\treason=blocked-user\tuser_disabled"] = { "account-disabled", "This account is disabled." },
		["FAIL\t1\treason=wrong-signature"] = { "not-authorized", "Prosody's text" },
		["FAIL\t1\treason=wrong-signature\tlater\tother=\1t1"] = { "not-authorized", "Prosody's text" },
		["FAIL\t1"] = { "not-authorized", "Prosody's text" },
	} do
		it(("tells the client what %q means"):format(answer), function ()
			local world = new_world();
			local login = world.log_in("token");
			world.connections[1]:receive(answer .. "\n");
			assert.equal(expected[1] and "failure" or "success", login.answer);
			assert.same(expected, { login.condition, login.text });
		end);
	end

	it("gives each attempt of a client its own condition", function ()
		local world = new_world();
		local handler = world.provider.get_sasl_handler({ secure = true });
		for id, answer in ipairs { "\ttemp", "", "\texpired", "" } do
			local attempt = handler;
			local login = world.start(function () return attempt:process("token"); end);
			world.connections[1]:receive(("FAIL\t%d\treason=some-reason%s\n"):format(id, answer));
			local expected = ({ ["\ttemp"] = TEMPORARY[1], ["\texpired"] = "credentials-expired" })[answer];
			assert.equal(expected or "not-authorized", login.condition);
			local malformed = world.start(function () return attempt:process(""); end);
			assert.equal("malformed-request", malformed.condition);
			handler = handler:clean_clone();
		end
	end);

	it("tells the client that logins cannot be checked if there is no answer", function ()
		local world = new_world();
		world.refuses = true;
		local login = world.log_in("token");
		world.elapse(5);
		assert.same({ answer = "failure", condition = TEMPORARY[1], text = TEMPORARY[2], done = true }, login);
	end);

	it("sends the client's address, and whether its connection is encrypted", function ()
		local world = new_world({ allow_unencrypted_plain_auth = true });
		for _, session in ipairs {
			{ secure = true, ip = "192.0.2.7" }, { ip = "2001:db8::1" }, { secure = true },
			{ ip = "forged\taddress" }, { ip = ("1"):rep(65) }, { ip = "" },
		} do
			world.log_in("token", session);
		end
		world.start("test_password", "bob", "token");
		assert.equal("AUTH 1 alice example.com password=token rip=192.0.2.7 secured\n"
			.. "AUTH 2 alice example.com password=token rip=2001:db8::1\n"
			.. "AUTH 3 alice example.com password=token secured\n"
			.. "AUTH 4 alice example.com password=token\n"
			.. "AUTH 5 alice example.com password=token\n"
			.. "AUTH 6 alice example.com password=token\n"
			.. "AUTH 7 bob example.com password=token\n", world.connections[1]:requests());
	end);

	it("logs a refused login once, with JID, address and reason, and no accepted one", function ()
		local world = new_world();
		world.log_in("good");
		world.start("test_password", "bob", "good");
		world.connections[1]:receive("OK\t1\nOK\t2\n");
		assert.same({}, world.log);
		world.log_in("bad");
		world.start("test_password", "bob", "bad");
		world.start("user_exists", "carol");
		world.log_in("good");
		world.log_in("good");
		world.connections[1]:receive("FAIL\t3\treason=wrong-otp\texpired\nFAIL\t4\treason=malformed-token\n"
			.. "FAIL\t5\treason=unknown-user\nFAIL\t6\treason=replay-unknown\ttemp\n"
			.. "FAIL\t7\treason=throttled\ttemp\n");
		assert.same({
			"info xtokend refused the login of alice@example.com from 192.0.2.7: wrong-otp" .. SEE_LOG,
			"info xtokend refused the login of bob@example.com: malformed-token" .. SEE_LOG,
			"info could not check the login of alice@example.com from 192.0.2.7: replay-unknown" .. SEE_LOG,
			"info xtokend refused the login of alice@example.com from 192.0.2.7 for now: throttled" .. SEE_LOG,
		}, world.log);
		assert.same({ "auth accepted", "auth accepted", "auth refused", "auth refused", "user refused", "auth refused",
			"auth refused" },
			world.counts);
	end);

	it("logs the address even if the session has lost it before the answer", function ()
		local world = new_world();
		local session = { secure = true, ip = "192.0.2.7" };
		world.log_in("bad", session);
		session.ip = nil;
		world.connections[1]:receive("FAIL\t1\treason=replayed\texpired\n");
		assert.truthy(world.log[1]:find("alice@example.com from 192.0.2.7", 1, true));
	end);

	it("logs why any other login fails, without the password", function ()
		local world = new_world();
		world.log_in("");
		world.start("test_password", "bob", ("secret"):rep(1000));
		world.start("test_password", "bob", "secret\255");
		world.provider.test_password("carol", "secret");
		world.log_in("secret");
		world.elapse(5);
		for index, expected in ipairs {
			"^info refused a login at example.com from 192.0.2.7 without asking xtokend: the user .* is missing or too long",
			"^info refused the login of bob@example.com without asking xtokend: the user name or password is too long$",
			"^info refused the login of bob@example.com without asking xtokend: the user name or password is not UTF%-8$",
			"^info could not check the login of carol@example.com: ",
			"^error xtokend does not answer at /",
			"^info could not check the login of alice@example.com from 192.0.2.7: no definite answer from xtokend; see",
		} do
			assert.truthy(world.log[index]:find(expected), world.log[index]);
			assert.falsy(world.log[index]:find("secret", 1, true));
		end
		assert.equal(6, #world.log);
	end);

	for name, expected in pairs {
		["a\nb"] = "a\\x0ab", ["a\27[1mb"] = "a\\x1b[1mb", ['a"\\'] = "a\\x22\\x5c", ["a\194\155b"] = "a\\xc2\\x9bb",
		["a\226\128\168b"] = "a\\xe2\\x80\\xa8b", ["a\226\128\174b"] = "a\\xe2\\x80\\xaeb",
		["a\216\156b"] = "a\\xd8\\x9cb", ["a\226\129\166b"] = "a\\xe2\\x81\\xa6b",
		["a\243\160\128\129"] = "a\\xf3\\xa0\\x80\\x81", ["%s%n"] = "%s%n",
		["jos\195\169"] = "jos\195\169", ["\228\189\160"] = "\228\189\160",
		[("é"):rep(400)] = ("é"):rep(127) .. "…",
	} do
		it(("escapes the name %q in the log"):format(name), function ()
			local world = new_world();
			world.start("test_password", name, "bad");
			world.connections[1]:receive("FAIL\t1\treason=malformed-token\n");
			assert.truthy(world.log[1]:find(" login of " .. expected .. "@example.com:", 1, true), world.log[1]);
		end);
	end

	it("escapes what others choose in the log: the client's address and the reason", function ()
		local world = new_world();
		world.log_in("bad", { secure = true, ip = "1\n2" });
		world.connections[1]:receive("FAIL\t1\treason=\27[1m\n");
		assert.equal("info xtokend refused the login of alice@example.com from 1\\x0a2: no-reason" .. SEE_LOG, world.log[1]);
	end);

	it("offers no mechanism on unencrypted connections, and logs once why", function ()
		local world = new_world();
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
		local world = new_world({ allow_unencrypted_plain_auth = true });
		assert.same({ PLAIN = true, ["X-TOKEN"] = true }, world.provider.get_sasl_handler({}).mechs);
		assert.same({}, world.log);
	end);

	it("reports that a user does not exist only if xtokend is certain", function ()
		local world = new_world();
		for id, answer in ipairs { "OK\t%d", "FAIL\t%d\treason=unknown-user", "FAIL\t%d\treason=internal-error\ttemp" } do
			local user = world.start("user_exists", "alice");
			world.connections[1]:receive(answer:format(id) .. "\n");
			assert.equal(id ~= 2, user.answer);
		end
		assert.equal("USER 1 alice example.com\nUSER 2 alice example.com\nUSER 3 alice example.com\n",
			world.connections[1]:requests());
	end);

	it("reports every user as existing if it cannot wait or gets no answer", function ()
		local world = new_world();
		world.can_wait = false;
		assert.is_true(world.provider.user_exists("alice"));
		assert.is_nil((world.provider.test_password("alice", "one")));
		assert.equal(0, #world.connections);
		world.refuses = true;
		local bob = world.start("user_exists", "bob");
		world.elapse(5);
		assert.is_true(bob.answer);
	end);

	it("reports every user as existing, without a request, while xtokend does not answer", function ()
		local world = new_world();
		world.start("test_password", "alice", "one");
		world.elapse(5);
		assert.same({ answer = true, done = true }, world.start("user_exists", "bob"));
		assert.equal(1, #world.connections);
	end);

	for _, seconds in ipairs { 0, -1, math.huge, 3600 } do
		it(("uses 5 s if xtoken_timeout is %g"):format(seconds), function ()
			local world = new_world({ xtoken_timeout = seconds });
			assert.equal(1, #world.log);
			world.start("test_password", "alice", "one");
			assert.equal(5, world.timers[1].seconds);
		end);
	end

	describe("asks xtokend about a login that another module accepted, such as by FAST, and", function ()
		local SUCCESS = "sasl2/c2s/success";
		local session, handler;

		before_each(function ()
			handler = { username = "alice", fast = true };
			local conn = { resumed = 0 };
			function conn:resume() self.resumed = self.resumed + 1; end
			session = { ip = "192.0.2.7", sasl_handler = handler, conn = conn };
		end);

		-- Returns what the client sees.
		local function failure_in(world)
			if not world.events[1] then return nil; end
			assert.equal("sasl2/c2s/failure", world.events[1].name);
			assert.equal(1, #world.events);
			local event = world.events[1].event;
			assert.equal(session, event.session);
			return { event.message, event.error_text };
		end

		it("accepts it if the user exists", function ()
			local world = new_world();
			local login = world.fire(SUCCESS, { session = session });
			assert.equal("USER 1 alice example.com\n", world.connections[1]:requests());
			assert.is_nil(login.done);
			assert.equal(0, session.conn.resumed);
			world.connections[1]:receive("OK\t1\n");
			assert.same({ done = true }, login);
			-- A session that mod_sasl2_sm resumes would otherwise never be read.
			assert.equal(1, session.conn.resumed);
			assert.is_nil(failure_in(world));
			assert.equal(handler, session.sasl_handler);
			assert.same({}, world.log);
		end);

		for answer, expected in pairs {
			["FAIL\t1\treason=unknown-user"] = { "credentials-expired", "Log in with a new token." },
			["FAIL\t1\treason=blocked-user\tuser_disabled"] = { "account-disabled", "This account is disabled." },
			["FAIL\t1\treason=replay-cache-unavailable\ttemp"] = TEMPORARY,
		} do
			it(("refuses it after %q"):format(answer), function ()
				local world = new_world();
				local login = world.fire(SUCCESS, { session = session });
				world.connections[1]:receive(answer .. "\n");
				-- Other handlers of the event, such as those that send the success, must not run.
				assert.is_true(login.answer);
				assert.same(expected, failure_in(world));
				assert.equal(1, #world.log);
				assert.truthy(world.log[1]:find("the login of alice@example.com from 192.0.2.7: ", 1, true), world.log[1]);
				-- The client can try another mechanism.
				assert.is_nil(session.sasl_handler);
			end);
		end

		it("refuses it without an answer", function ()
			local world = new_world();
			world.refuses = true;
			local login = world.fire(SUCCESS, { session = session });
			assert.is_nil(login.done);
			world.elapse(5);
			assert.is_true(login.answer);
			assert.same(TEMPORARY, failure_in(world));
		end);

		it("refuses it without a request if Prosody can't wait", function ()
			local world = new_world();
			assert.is_true(world.hooks[SUCCESS].handler({ session = session }));
			assert.same(TEMPORARY, failure_in(world));
			assert.equal(0, #world.connections);
		end);

		it("refuses it without a request if the name can't be sent", function ()
			local world = new_world();
			handler.username = ("x"):rep(5000);
			assert.is_true(world.fire(SUCCESS, { session = session }).answer);
			assert.equal("credentials-expired", failure_in(world)[1]);
		end);

		it("sends nothing if the client has left", function ()
			for _, answer in ipairs { "OK\t1\n", "FAIL\t1\treason=unknown-user\n" } do
				local world = new_world();
				local login = world.fire(SUCCESS, { session = session });
				session.sasl_handler, session.conn, session.destroyed = nil, nil, true;
				world.connections[1]:receive(answer);
				assert.is_true(login.answer);
				assert.is_nil(failure_in(world));
				session.sasl_handler, session.destroyed = handler, nil;
			end
		end);

		it("keeps the handler that mod_sasl2 has set for the next attempt", function ()
			local world = new_world();
			world.fire(SUCCESS, { session = session });
			session.sasl_handler = { username = "next" };
			world.connections[1]:receive("FAIL\t1\treason=unknown-user\n");
			assert.equal("next", session.sasl_handler.username);
		end);

		it("does not ask again after a login with a token", function ()
			local world = new_world();
			local own = world.provider.get_sasl_handler({ secure = true });
			for _, attempt in ipairs { own, own:clean_clone() } do
				session.sasl_handler = attempt;
				assert.same({ done = true }, world.fire(SUCCESS, { session = session }));
			end
			assert.equal(0, #world.connections);
			-- The login has waited as well.
			assert.equal(2, session.conn.resumed);
		end);

		it("refuses it without a further request if get_account_info got no answer, until it gets one", function ()
			local world = new_world();
			local login;
			world.start(function ()
				for _ = 1, 2 do
					world.provider.get_account_info("alice");
					login = {};
					login.answer = world.hooks[SUCCESS].handler({ session = session });
					session.sasl_handler = handler;
				end
				login.done = true;
			end);
			world.can_wait = true;
			world.connections[1]:receive("FAIL\t1\treason=internal-error\ttemp\n");
			assert.same(TEMPORARY, failure_in(world));
			world.events = {};
			world.connections[1]:receive("OK\t2\trevoked_at=1790000000\n");
			world.connections[1]:receive("OK\t3\n");
			assert.same({ done = true }, login);
			assert.is_nil(failure_in(world));
		end);

		it("runs before mod_sasl2, which sends the success", function ()
			assert.is_true(new_world().hooks[SUCCESS].priority > 1000);
		end);
	end);

	it("checks tokens for mod_sasl_token, which has its own X-TOKEN", function ()
		local world = new_world();
		local profile = world.provider.get_sasl_handler({ secure = true }).profile;
		for id, expected in ipairs { true, false } do
			local login = world.start(function () return profile.token(nil, "alice", "token", "example.com"); end);
			world.connections[1]:receive((expected and "OK\t%d\n" or "FAIL\t%d\treason=replayed\texpired\n"):format(id));
			-- Its second result would mean a disabled account if it were false.
			assert.same({ answer = expected, condition = true, done = true }, login);
		end
	end);

	it("explains that it can't change users", function ()
		local NO_ACCOUNTS = "Accounts are managed by the application that signs the tokens.";
		local provider = new_world().provider;
		for _, name in ipairs { "get_password", "set_password", "create_user", "delete_user", "enable", "disable" } do
			assert.same({ nil, NO_ACCOUNTS }, { provider[name]("alice") });
		end
	end);

	describe("lists users", function ()
		-- Starts to list users. Returns a table that will contain their names, or the error.
		local function list(world)
			local result = { names = {} };
			world.start(function ()
				local ok, iterator = pcall(world.provider.users);
				if not ok then result.problem = iterator; return; end
				for name in iterator do table.insert(result.names, name); end
				result.done = true;
			end);
			return result;
		end

		it("page by page, and each one once", function ()
			local world = new_world();
			local result = list(world);
			world.connections[1]:receive("OK\t1\tuser=bob\tuser=alice\tnext=b\1t1\n");
			world.connections[1]:receive("OK\t2\tnext=c\n");
			world.connections[1]:receive("OK\t3\tuser=alice\tuser=carol\n");
			assert.same({ names = { "bob", "alice", "carol" }, done = true }, result);
			assert.equal("LIST\t1\texample.com\nLIST\t2\texample.com\tafter=b\1t1\nLIST\t3\texample.com\tafter=c\n",
				world.connections[1].written:match("\n(.*)"));
		end);

		for answer, expected in pairs {
			["FAIL\t1\treason=no-user-list"] = 'Set users = "seen" or users = "file:/path" in its configuration.',
			["FAIL\t1\treason=unsupported-operation"] = "this xtokend is too old. Upgrade it",
			["FAIL\t1\treason=user-list-unavailable\ttemp"] = "user-list-unavailable; see the log of xtokend",
			["OK\t1\tnext=a\nOK\t2\tnext=a"] = "see the log of xtokend",
		} do
			it(("or raises an error that says what to do after %q"):format(answer), function ()
				local world = new_world();
				local result = list(world);
				for line in answer:gmatch("[^\n]+") do world.connections[1]:receive(line .. "\n"); end
				assert.truthy(result.problem:find("^The users can't be listed: "), result.problem);
				assert.truthy(result.problem:find(expected, 1, true), result.problem);
			end);
		end

		it("or raises an error if there is no answer, or if Prosody can't wait", function ()
			local world = new_world();
			world.refuses = true;
			local result = list(world);
			world.elapse(5);
			assert.equal("The users can't be listed: no answer from xtokend" .. SEE_LOG, result.problem);
			assert.error(world.provider.users,
				'The users can\'t be listed, because Prosody can\'t wait here. Use "prosodyctl shell user list".');
		end);
	end);

	describe("reports about an account", function ()
		local function info_after(answer)
			local world = new_world();
			local info, enabled = world.start("get_account_info", "alice"), world.start("is_enabled", "alice");
			world.connections[1]:receive(("%s\n%s\n"):format(answer:format(1), answer:format(2)));
			return info, enabled;
		end

		it("whether it is enabled, and when it was revoked", function ()
			local info, enabled = info_after("OK\t%d");
			assert.same({ enabled = true }, info.answer);
			assert.is_true(enabled.answer);
			info = info_after("OK\t%d\trevoked_at=1790000000");
			assert.same({ enabled = true, password_updated = 1790000001 }, info.answer);
			info, enabled = info_after("FAIL\t%d\treason=blocked-user\tuser_disabled");
			assert.same({ enabled = false }, info.answer);
			assert.is_false(enabled.answer);
		end);

		it("nothing, with the cause, if there is none or xtokend can't tell", function ()
			for answer, expected in pairs {
				["FAIL\t%d\treason=unknown-user"] = "There is no such user.",
				["FAIL\t%d\treason=internal-error\ttemp"] = "xtokend can't tell at the moment.",
			} do
				local info, enabled = info_after(answer);
				assert.same({ condition = expected, done = true }, info);
				assert.same({ condition = expected, done = true }, enabled);
			end
		end);

		it("without a request if Prosody can't wait", function ()
			local world = new_world();
			assert.is_nil((world.provider.get_account_info("alice")));
			assert.is_true(world.provider.is_enabled("alice"));
			assert.equal(0, #world.connections);
		end);
	end);

	describe("warns of modules for browsers without TLS", function ()
		local WEB = { websocket = true, bosh = true };

		it("once Prosody has loaded all modules", function ()
			local world = new_world({ modules = WEB });
			assert.same({}, world.log);
			world.hooks["server-started"].handler();
			assert.equal(2, #world.log);
			assert.truthy(world.log[1]:find("^warn .*mod_websocket.*consider_websocket_secure = true"), world.log[1]);
			assert.truthy(world.log[2]:find("^warn .*mod_bosh.*consider_bosh_secure = true"), world.log[2]);
		end);

		it("at once if Prosody is running", function ()
			assert.equal(1, #new_world({ modules = { bosh = true }, start_time = 1 }).log);
		end);

		it("even with allow_unencrypted_plain_auth, if encryption is required", function ()
			assert.equal(2, #new_world({ modules = WEB, start_time = 1, allow_unencrypted_plain_auth = true }).log);
		end);

		for name, options in pairs {
			["they are not loaded"] = { modules = {} },
			["they are considered secure"] = {
				modules = WEB, consider_websocket_secure = true, consider_bosh_secure = true,
			},
			["Prosody serves HTTPS"] = { modules = WEB, services = { https = {} } },
			["tokens may be sent without TLS"] = {
				modules = WEB, c2s_require_encryption = false, allow_unencrypted_plain_auth = true,
			},
		} do
			it("but not if " .. name, function ()
				options.start_time = 1;
				assert.same({}, new_world(options).log);
			end);
		end
	end);

	it("names a file that is not installed", function ()
		local ok, problem = pcall(new_world, { has_no_client = true });
		assert.is_false(ok);
		assert.truthy(problem:find("^install xtoken_client.lib.lua next to mod_auth_xtoken.lua"), problem);
	end);
end);
