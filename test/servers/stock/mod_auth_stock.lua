-- Does what Prosody's stock module does (mod_auth_external_insecure, which Debian does not package): runs one program
-- on a terminal of lpty, sends a line for each request, and takes the result of one read for the answer. Prosody
-- blocks meanwhile. With external_auth_protocol = "ejabberd", a request has a length before it instead of a line end
-- after it.

local lpty = require "lpty";
local new_sasl = require "util.sasl".new;

local command = module:get_option_string("external_auth_command");
local timeout = module:get_option_number("external_auth_timeout", 5);
local is_ejabberd = module:get_option_string("external_auth_protocol", "generic") == "ejabberd";
local terminal = lpty.new({ throw_errors = false, no_local_echo = true, use_path = false });

local function ask(request)
	if not terminal:hasproc() then
		local status, code = terminal:exitstatus();
		if status and (status ~= "exit" or code ~= 0) then
			module:log("warn", "auth process exited unexpectedly (%s %s)", status, code);
			return nil;
		end
		if not terminal:startproc(command) then return nil; end
	end
	terminal:send(is_ejabberd and string.char(#request // 256, #request % 256) .. request or request .. "\n");
	local answer = terminal:read(timeout);
	if is_ejabberd and answer then return answer == "\0\2\0\1"; end
	local digit = answer and answer:gsub("%s", "");
	if digit == "1" then return true; end
	if digit == "0" then return false; end
	module:log("warn", "Unable to interpret data from auth process: %s", answer and #answer or "nothing");
	return nil;
end

local provider = {};

function provider.get_sasl_handler()
	return new_sasl(module.host, {
		plain_test = function (_, username, password)
			return ask(("auth:%s:%s:%s"):format(username, module.host, password)) == true, true;
		end;
	});
end

function provider.set_password(username, password)
	return ask(("setpass:%s:%s:%s"):format(username, module.host, password));
end

function provider.user_exists(username)
	return ask(("isuser:%s:%s"):format(username, module.host)) == true;
end

module:provides("auth", provider);
