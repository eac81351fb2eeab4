-- The comparison for our module: verifies the same tokens inside Prosody's own thread. Never use it in production: it
-- keeps every used token for ever, and its comparison of signatures leaks time.

local hmac = require "openssl.hmac";
local base64 = require "util.encodings".base64;
local new_sasl = require "util.sasl".new;

local SIGNATURE_BYTES, TIME_STEP_SECONDS = 32, 30;
local BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

local function decode_base32(text)
	local bits = text:gsub(".", function (character)
		local value, digits = BASE32:find(character, 1, true) - 1, "";
		for power = 4, 0, -1 do digits = digits .. (value >> power & 1); end
		return digits;
	end);
	return (bits:gsub("%d%d?%d?%d?%d?%d?%d?%d?", function (byte)
		return #byte == 8 and string.char(tonumber(byte, 2)) or "";
	end));
end

local seed = decode_base32(module:get_option_string("otp_seed"));
local secret = module:get_option_string("token_secret");
local used = {};

-- RFC 4226, section 5.3
local function otp_of(time_step)
	local mac = hmac.new(seed, "sha1"):final(string.pack(">I8", time_step));
	local number = string.unpack(">I4", mac, (mac:byte(-1) & 15) + 1) & 0x7fffffff;
	return ("%08d"):format(number % 100000000);
end

local function is_current(otp)
	local time_step = os.time() // TIME_STEP_SECONDS;
	return otp == otp_of(time_step) or otp == otp_of(time_step - 1) or otp == otp_of(time_step + 1);
end

local function check(username, password)
	local digits, signature = password:match("^(%d+) ([%w+/]+=)$");
	if not digits or #digits ~= 40 or not is_current(digits:sub(1, 8)) then return false; end
	local bytes = base64.decode(signature);
	if not bytes or #bytes ~= SIGNATURE_BYTES then return false; end
	if bytes ~= hmac.new(secret, "sha256"):final(digits .. username .. "@" .. module.host) then return false; end
	if used[bytes] then return false; end
	used[bytes] = true;
	return true;
end

local provider = {};

function provider.get_sasl_handler()
	return new_sasl(module.host, {
		plain_test = function (_, username, password) return check(username, password), true; end;
	});
end

function provider.test_password(username, password) return check(username, password); end
function provider.user_exists() return true; end
function provider.get_password() return nil, "There are no passwords."; end
provider.set_password, provider.create_user = provider.get_password, provider.get_password;

module:provides("auth", provider);
