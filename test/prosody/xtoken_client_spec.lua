-- Tests what a real xtokend does not do on demand: split answers, timeouts, and lost connections at an exact moment.

local new_world = dofile("test/prosody/stand_in.lua");
local unpack_list = table.unpack or unpack; -- luacheck: ignore 113/unpack 143/table

-- Starts a login of each user, with its name as the password.
local function start_logins(world, ...)
	local logins = {};
	for index, name in ipairs { ... } do logins[index] = world.start("test_password", name, name); end
	return unpack_list(logins);
end

describe("xtoken_client", function ()
	local REMOVE_GENERIC = "generic protocol.*Remove protocol=generic from %-%-listen, "
		.. "or FileDescriptorName=generic.*upgrade xtokend";

	describe("requests and answers", function ()
		it("sends all requests on one connection, and gives each its own answer, in any order", function ()
			local world = new_world();
			local alice, bob = start_logins(world, "alice", "bob");
			local carol = world.start("user_exists", "carol");
			assert.equal(1, #world.connections);
			assert.equal("AUTH 1 alice example.com password=alice\nAUTH 2 bob example.com password=bob\n"
				.. "USER 3 carol example.com\n", world.connections[1]:requests());
			world.connections[1]:receive("FAIL\t3\treason=unknown-user\nOK\t2\n");
			assert.is_nil(alice.done);
			assert.is_true(bob.answer);
			assert.is_false(carol.answer);
			world.connections[1]:receive("FAIL\t1\treason=replayed\texpired\n");
			assert.is_false(alice.answer);
		end);

		it("reads answers that arrive byte by byte or joined", function ()
			local world = new_world();
			local alice, bob, carol = start_logins(world, "alice", "bob", "carol");
			for byte in ("OK\t1\nFAIL\t2\treason=replayed"):gmatch(".") do world.connections[1]:receive(byte); end
			assert.is_true(alice.answer);
			assert.is_nil(bob.done);
			world.connections[1]:receive("\texpired\nOK\t3\n");
			assert.is_false(bob.answer);
			assert.is_true(carol.answer);
		end);

		it("escapes what would end a field or a line", function ()
			local world = new_world();
			world.start("test_password", "a\1b", "x\nAUTH\t2\tmallory\r\0\1y");
			assert.equal("AUTH\t1\ta\0011b\texample.com\tpassword=x\1nAUTH\1t2\1tmallory\1r\0010\0011y\n",
				world.connections[1].written:match("\n(.*)"));
		end);

		it("refuses what xtokend would answer by closing the connection", function ()
			local world = new_world();
			local longest = 4096 - #"AUTH\t\talice\texample.com\tpassword=" - 15;
			for _, credentials in ipairs {
				{ "alice", ("x"):rep(longest + 1) }, { "alice", ("\n"):rep(longest / 2 + 1) }, { ("x"):rep(4096), "x" },
				{ "alice", "\255" }, { "alice", "\237\160\128" }, { "al\195", "x" }, { "alice", "\192\128" },
			} do
				assert.same({ answer = false, done = true }, world.start("test_password", credentials[1], credentials[2]));
			end
			assert.equal(0, #world.connections);
			world.start("test_password", "alice", ("x"):rep(longest));
			assert.equal(4096 - 15 + #"1\n", #world.connections[1]:requests());
		end);

		it("counts ids from 1 on each connection", function ()
			local world = new_world();
			start_logins(world, "alice", "bob");
			world.connections[1]:receive("OK\t1\nOK\t2\n");
			world.connections[1]:lose();
			start_logins(world, "carol");
			assert.equal("AUTH 1 carol example.com password=carol\n", world.connections[2]:requests());
		end);

		it("gives other requests their own answers if the caller of one raises an error", function ()
			local world = new_world();
			world.start(function ()
				world.provider.user_exists("alice");
				error("something of another module");
			end);
			local bob, carol = start_logins(world, "bob", "carol");
			world.connections[1]:receive("OK\t1\nOK\t2\nFAIL\t3\treason=replayed\texpired\n");
			assert.is_true(bob.answer);
			assert.is_false(carol.answer);
			assert.truthy(world.log[1]:find("something of another module", 1, true));
		end);

		it("sends a request that starts while input is read after that, so that no answer precedes it", function ()
			local world = new_world();
			local second;
			world.start(function ()
				world.provider.test_password("alice", "one");
				second = world.start("test_password", "alice", "two");
			end);
			world.can_wait = true;
			local bob = start_logins(world, "bob");
			world.connections[1]:receive("FAIL\t1\treason=replayed\texpired\nOK\t2\nOK\t3\n");
			assert.is_true(bob.answer);
			assert.is_false(world.connections[1].open);
			assert.is_nil(second.done);
			world.elapse(0.05);
			assert.equal("AUTH 1 alice example.com password=two\n", world.connections[2]:requests());
			world.connections[2]:receive("FAIL\t1\treason=replayed\texpired\n");
			assert.is_false(second.answer);
		end);
	end);

	describe("handshake", function ()
		it("sends no request before xtokend has sent its version", function ()
			local world = new_world();
			world.has_no_handshake = true;
			local alice = start_logins(world, "alice", "bob");
			assert.equal("VERSION\t1\t0\n", world.connections[1].written);
			for byte in ("VERSION\t1\t7\tlater=yes"):gmatch(".") do world.connections[1]:receive(byte); end
			assert.equal("VERSION\t1\t0\n", world.connections[1].written);
			world.connections[1]:receive("\n");
			assert.equal("AUTH 1 alice example.com password=alice\nAUTH 2 bob example.com password=bob\n",
				world.connections[1]:requests());
			world.connections[1]:receive("OK\t1\n");
			assert.is_true(alice.answer);
		end);

		it("takes nothing for an answer that arrives with the version", function ()
			local world = new_world();
			world.has_no_handshake = true;
			local alice = start_logins(world, "alice");
			world.connections[1]:receive("VERSION\t1\t0\nOK\t1\n");
			assert.is_nil(alice.done);
			assert.is_false(world.connections[1].open);
			assert.equal("VERSION\t1\t0\n", world.connections[1].written);
		end);

		it("writes nothing to a connection before it is open", function ()
			local world = new_world();
			world.stays_closed = true;
			start_logins(world, "alice", "bob");
			assert.equal(1, #world.connections);
			assert.equal("", world.connections[1].written);
			world.connections[1]:open_up();
			assert.equal("AUTH 1 alice example.com password=alice\nAUTH 2 bob example.com password=bob\n",
				world.connections[1]:requests());
		end);

		for line, expected in pairs {
			["0"] = REMOVE_GENERIC,
			["1"] = REMOVE_GENERIC,
			["VERSION\t2\t0"] = "version 2 of the protocol, not 1.*from the version of xtokend that runs",
			["VERSION\t10\t0\tx"] = "version 10 of the protocol, not 1",
			["VERSION\t1"] = "another program or protocol listens there.*Correct xtoken_socket",
			["VERSION\t1\t0 "] = "another program or protocol",
			["VERSION 1 0"] = "another program or protocol",
			["HTTP/1.1 400 Bad Request\r"] = "another program or protocol",
			[""] = "another program or protocol",
			["OK\t1"] = "another program or protocol",
			["ERROR\ttoo many\1t\27connections"] = "it reports: too many%?t%?connections%.",
			[("x"):rep(4097)] = "too long",
		} do
			it(("refuses logins at once, and logs once what to do, after the first line %q"):format(line:sub(1, 40)), function ()
				local world = new_world();
				world.has_no_handshake = true;
				local alice, bob = start_logins(world, "alice", "bob");
				world.connections[1]:receive(line .. "\nOK\t1\nOK\t2\n");
				assert.same({ { answer = false, done = true }, { answer = false, done = true } }, { alice, bob });
				assert.is_false(world.connections[1].open);
				assert.equal("VERSION\t1\t0\n", world.connections[1].written);
				local carol = start_logins(world, "carol");
				world.connections[2]:receive(line .. "\n");
				assert.is_false(carol.answer);
				local errors = table.concat(world.log, "\n"):gsub("info[^\n]*\n?", "");
				assert.truthy(errors:find(expected), errors);
				assert.equal(1, select(2, errors:gsub("xtokend does not answer at /", "")));
				assert.falsy(errors:find("[%z\1-\9\11-\31]"));
			end);
		end

		it("logs what to do if the connection is closed before the version", function ()
			local world = new_world();
			world.has_no_handshake = true;
			start_logins(world, "alice");
			world.connections[1]:lose();
			assert.truthy(world.log[1]:find("closed before VERSION.*protocol=ejabberd"), world.log[1]);
		end);

		it("closes the connection and retries if it gets no version in time", function ()
			local world = new_world();
			world.has_no_handshake = true;
			local alice = start_logins(world, "alice");
			world.run_timer(1);
			assert.same({ answer = false, done = true }, alice);
			assert.is_true(world.connections[1].open);
			local bob = start_logins(world, "bob");
			world.run_timer(2);
			assert.is_false(world.connections[1].open);
			assert.is_nil(bob.done);
			assert.truthy(world.log[2]:find("no VERSION within 5 s.*protocol=ejabberd"), world.log[2]);
			world.has_no_handshake = false;
			world.elapse(0.05);
			world.connections[2]:receive("OK\t1\n");
			assert.is_true(bob.answer);
		end);

		it("does not count requests without a handshake as sent", function ()
			local world = new_world();
			world.has_no_handshake = true;
			local alice = start_logins(world, "alice");
			for _, delay in ipairs { 0.05, 0.1, 0.2 } do
				world.connections[#world.connections]:lose();
				world.elapse(delay);
			end
			world.connections[4]:receive("VERSION\t1\t0\n");
			world.connections[4]:receive("FAIL\t1\treason=replayed\texpired\n");
			assert.truthy(world.log[#world.log]:find("refused the login of alice@example.com: replayed", 1, true));
			assert.is_false(alice.answer);
		end);

		it("logs another problem, but none twice, until the next answer", function ()
			local world = new_world();
			world.refuses = true;
			world.has_no_handshake = true;
			start_logins(world, "alice");
			world.elapse(0.05);
			world.refuses = false;
			world.elapse(0.1);
			world.connections[1]:receive("0\n");
			assert.equal(3, #world.log);
			assert.truthy(world.log[1]:find("^error .*connection refused"));
			assert.truthy(world.log[2]:find("^error .*generic protocol"));
			assert.truthy(world.log[3]:find("^info could not check"));
		end);
	end);

	describe("time-outs", function ()
		it("closes the connection if nothing was answered, and ignores what arrives later on it", function ()
			local world = new_world();
			local alice = start_logins(world, "alice");
			world.elapse(5);
			assert.is_true(alice.done);
			assert.is_false(world.connections[1].open);
			local mallory = start_logins(world, "mallory");
			world.connections[1]:receive("OK\t1\n");
			assert.is_nil(mallory.done);
			assert.equal(2, #world.connections);
			world.connections[2]:receive("FAIL\t1\treason=wrong-signature\n");
			assert.is_false(mallory.answer);
		end);

		it("keeps the connection if others were answered, and ignores the late answer", function ()
			local world = new_world();
			local slow, other = start_logins(world, "slow", "other");
			world.connections[1]:receive("OK\t2\n");
			assert.is_true(other.answer);
			world.run_timer(1);
			assert.same({ answer = false, done = true }, slow);
			assert.is_true(world.connections[1].open);
			local bob = start_logins(world, "bob");
			world.connections[1]:receive("OK\t1\nFAIL\t3\treason=replayed\texpired\n");
			assert.is_false(bob.answer);
			assert.equal(1, #world.connections);
		end);

		it("closes the connection if the only answers are older than the request", function ()
			local world = new_world();
			start_logins(world, "alice");
			world.connections[1]:receive("OK\t1\n");
			local bob = start_logins(world, "bob");
			world.elapse(5);
			assert.is_false(bob.answer);
			assert.is_false(world.connections[1].open);
		end);

		it("resends the requests that were not late when it closes the connection", function ()
			local world = new_world();
			local _, bob = start_logins(world, "alice", "bob");
			world.run_timer(1);
			world.elapse(0.05);
			assert.equal("AUTH 1 bob example.com password=bob\n", world.connections[2]:requests());
			world.connections[2]:receive("OK\t1\n");
			assert.is_true(bob.answer);
		end);

		it("cancels the timeout of an answered request, and of the handshake", function ()
			local world = new_world();
			start_logins(world, "alice");
			world.connections[1]:receive("OK\t1\n");
			world.elapse(5);
			assert.is_true(world.connections[1].open);
			assert.same({}, world.log);
		end);
	end);

	describe("answers that are not valid", function ()
		for _, line in ipairs {
			"", "1", "OK", "OK\t", "OK\t0", "OK\t01", "OK\t-1", "OK\t1 ", "OK\t+1", "OK\t1.0", "OK\t1e0", "OK\t0x1", " OK\t1",
			"ok\t1", "OK 1", "OK\t2", "OK\t1000000000000000", "OK\t18446744073709551617", "FAIL\t2\treason=x", "YES\t1",
			"VERSION\t1\t0", "OK\t1\t", "OK\t1\t=x", "OK\t1\tA=x", "OK\t1\tx=\1z", "OK\t1\tx=\1", "ERROR\tbroken",
			"OK\t1" .. ("\tx"):rep(2048), "OK\t1\r", "OK\t1\0", "OK\t1\tx=\r",
		} do
			it(("closes the connection after %q"):format(line:sub(1, 40)), function ()
				local world = new_world();
				local alice = start_logins(world, "alice");
				world.connections[1]:receive(line .. "\nOK\t1\n");
				assert.is_false(world.connections[1].open);
				assert.is_nil(alice.done);
				assert.truthy(world.log[1]:find("^error xtokend does not answer at /"));
				world.elapse(0.05);
				world.connections[2]:receive(line .. "\nOK\t1\n");
				assert.is_not_true(alice.answer);
				assert.is_true(alice.done);
			end);
		end

		it("closes the connection after a second answer to one request, and after input without a line feed", function ()
			for _, bytes in ipairs { "OK\t1\nOK\t1\n", "OK\t1\n" .. ("x"):rep(4097) } do
				local world = new_world();
				local alice = start_logins(world, "alice", "bob");
				world.connections[1]:receive(bytes);
				assert.is_true(alice.answer);
				assert.is_false(world.connections[1].open);
			end
		end);

		it("accepts no login that was not answered with OK for its id, whatever arrives in whatever pieces", function ()
			local seed = tonumber(os.getenv("XTOKEND_SEED")) or os.time();
			math.randomseed(seed);
			local pieces = { "OK", "FAIL", "\t", "\t", "\n", "\n", "1", "2", "3", "OK\t1\n", "OK\t2\n", "OK\t2", "reason=x",
				"expired", "temp", "FAIL\t1\treason=x\n", "FAIL\t3\treason=x\texpired\n", "\1", "\1t", "\0", "\r",
				"VERSION\t1\t0\n", "ERROR\t", "\255", "é" };
			for _ = 1, 2000 do
				local world = new_world();
				local logins = { start_logins(world, "alice", "bob", "carol") };
				local bytes = {};
				for index = 1, math.random(1, 20) do
					bytes[index] = math.random(8) == 1 and string.char(math.random(0, 255)) or pieces[math.random(#pieces)];
				end
				local input, position = table.concat(bytes), 1;
				local lines = "\n" .. input;
				while position <= #input do
					local size = math.random(1, 8);
					world.connections[1]:receive(input:sub(position, position + size - 1));
					position = position + size;
				end
				for id, login in ipairs(logins) do
					local has_ok = lines:find("\nOK\t" .. id .. "[\t\n]");
					assert.is_true(login.answer ~= true or has_ok ~= nil, ("seed %d: %q"):format(seed, input));
				end
			end
		end);
	end);

	describe("lost connections", function ()
		it("resends requests once, before newer ones, and treats expired as uncertain then", function ()
			local world = new_world();
			local alice, bob, carol, dave = start_logins(world, "alice", "bob", "carol", "dave");
			world.connections[1]:receive("FAIL\t2\treason=replayed\texpired\n");
			assert.is_false(bob.answer);
			world.connections[1]:lose();
			local erin = start_logins(world, "erin");
			world.elapse(0.05);
			assert.equal("AUTH 1 alice example.com password=alice\nAUTH 2 carol example.com password=carol\n"
				.. "AUTH 3 dave example.com password=dave\nAUTH 4 erin example.com password=erin\n",
				world.connections[2]:requests());
			world.log = {};
			world.connections[2]:receive("FAIL\t1\treason=replayed\texpired\nFAIL\t2\treason=wrong-signature\n"
				.. "OK\t3\nFAIL\t4\treason=replayed\texpired\n");
			assert.is_true(alice.done and carol.done and erin.done);
			assert.is_true(dave.answer);
			for index, expected in ipairs { "answers again", "could not check the login of alice", "refused the login of carol",
				"refused the login of erin" } do
				assert.truthy(world.log[index]:find(expected, 1, true), world.log[index]);
			end
		end);

		it("does not resend twice", function ()
			local world = new_world();
			local alice = start_logins(world, "alice");
			world.connections[1]:lose();
			world.elapse(0.05);
			world.connections[2]:lose();
			assert.same({ answer = false, done = true }, alice);
			world.elapse(0.1);
			assert.equal(2, #world.connections);
		end);

		it("discards half an answer of a lost connection, and ignores what it does not know of OK", function ()
			local world = new_world();
			local alice = start_logins(world, "alice");
			world.connections[1]:receive("FAIL\t1");
			world.connections[1]:lose();
			world.elapse(0.05);
			world.connections[2]:receive("OK\t1\texpired\n");
			assert.is_true(alice.answer);
			assert.is_true(world.connections[2].open);
		end);

		it("logs nothing if no request is pending", function ()
			local world = new_world();
			start_logins(world, "alice");
			world.connections[1]:receive("OK\t1\n");
			world.connections[1]:lose();
			assert.same({}, world.log);
			start_logins(world, "bob");
			assert.equal("AUTH 1 bob example.com password=bob\n", world.connections[2]:requests());
		end);

		it("retries with a delay that grows to 0.5 s, and logs the failure once", function ()
			local world = new_world();
			world.refuses = true;
			start_logins(world, "alice");
			local pauses = {};
			for _, seconds in ipairs { 0.05, 0.1, 0.2, 0.4, 0.5, 0.5 } do
				world.elapse(seconds);
				table.insert(pauses, world.timers[#world.timers].seconds);
			end
			assert.same({ 0.1, 0.2, 0.4, 0.5, 0.5, 0.5 }, pauses);
			assert.equal(1, #world.log);
			assert.truthy(world.log[1]:find("connection refused", 1, true));
		end);

		it("keeps the delay for further requests, and resets it after an answer", function ()
			local world = new_world();
			world.refuses = true;
			start_logins(world, "alice", "bob");
			assert.equal(1, world.attempts);
			world.elapse(0.05);
			world.elapse(0.1);
			world.refuses = false;
			world.elapse(0.2);
			assert.equal(4, world.attempts);
			world.connections[1]:receive("OK\t1\nOK\t2\n");
			start_logins(world, "carol");
			world.connections[1]:lose();
			assert.equal(0.05, world.timers[#world.timers].seconds);
		end);

		it("retries if no file descriptor is left for a socket", function ()
			local world = new_world();
			world.has_no_descriptors = true;
			local alice = start_logins(world, "alice");
			world.has_no_descriptors = false;
			world.elapse(0.05);
			world.connections[1]:receive("OK\t1\n");
			assert.is_true(alice.answer);
		end);
	end);

	describe("full sockets", function ()
		it("lets Prosody send the rest, and keeps the order until that is done", function ()
			local world = new_world();
			start_logins(world, "alice");
			world.connections[1]:receive("OK\t1\n");
			world.room = 10;
			start_logins(world, "bob");
			world.room = nil;
			start_logins(world, "carol");
			local conn = world.connections[1];
			assert.equal("AUTH 1 alice example.com password=alice\nAUTH 2 bob", conn:requests());
			conn:drain();
			start_logins(world, "dave");
			assert.equal("", conn.queue);
			assert.equal("AUTH 1 alice example.com password=alice\nAUTH 2 bob example.com password=bob\n"
				.. "AUTH 3 carol example.com password=carol\nAUTH 4 dave example.com password=dave\n", conn:requests());
		end);

		it("leaves a broken socket to Prosody, which reports it", function ()
			local world = new_world();
			start_logins(world, "alice");
			world.connections[1]:receive("OK\t1\n");
			world.room, world.send_error = 0, "closed";
			local bob = start_logins(world, "bob");
			assert.equal("AUTH\t2\tbob\texample.com\tpassword=bob\n", world.connections[1].queue);
			world.room, world.send_error = nil, nil;
			world.connections[1]:lose();
			world.elapse(0.05);
			world.connections[2]:receive("OK\t1\n");
			assert.is_true(bob.answer);
		end);
	end);

	describe("unload", function ()
		it("gives pending requests no answer, and closes the connection", function ()
			local world = new_world();
			local alice = start_logins(world, "alice");
			world.module.unload();
			assert.same({ answer = false, done = true }, alice);
			assert.is_false(world.connections[1].open);
		end);

		it("gives requests no answer that wait for a connection, and connects no more", function ()
			local world = new_world();
			world.refuses = true;
			local alice = start_logins(world, "alice");
			world.module.unload();
			assert.same({ answer = false, done = true }, alice);
			world.elapse(0.05);
			assert.equal(1, world.attempts);
		end);

		it("sends no request afterwards", function ()
			local world = new_world();
			world.module.unload();
			assert.same({ answer = false, done = true }, world.start("test_password", "alice", "one"));
			assert.equal(0, #world.connections);
		end);
	end);
end);
