-- Mints a login token: lua5.4 mint.lua alice@example.com
-- Needs luaossl and luasocket (Debian: lua5.4 lua-luaossl lua-socket), and OTP_SEED and TOKEN_SECRET in the
-- environment.
local hmac = require "openssl.hmac";
local mime = require "mime";
local rand = require "openssl.rand";

local function decode_base32(text)
	local buffer, bits, bytes = 0, 0, "";
	for letter in text:gmatch("[^=]") do
		local position = ("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"):find(letter, 1, true);
		buffer, bits = buffer << 5 | assert(position, "OTP_SEED is not base32") - 1, bits + 5;
		if bits >= 8 then
			bits = bits - 8;
			bytes = bytes .. string.char(buffer >> bits & 255);
		end
	end
	return bytes;
end

local function totp(key, now)
	local hash = hmac.new(key, "sha1"):final(string.pack(">I8", now // 30));
	local number = string.unpack(">I4", hash, (hash:byte(20) & 15) + 1) & 0x7fffffff;
	return string.format("%08d", number % 100000000);
end

local function random_nonce()
	return (("."):rep(32):gsub(".", function () return rand.uniform(10); end));
end

local function mint_token(jid, now, nonce)
	local seed = assert(os.getenv("OTP_SEED"), "OTP_SEED is not set");
	local secret = assert(os.getenv("TOKEN_SECRET"), "TOKEN_SECRET is not set");
	-- The chat server prepares user names before xtokend verifies the signature, so sign the prepared form. Lua
	-- converts only A-Z: pass other letters in lower case.
	jid = jid:lower();
	local digits = totp(decode_base32(seed), now or os.time()) .. (nonce or random_nonce());
	return digits .. " " .. mime.b64(hmac.new(secret, "sha256"):final(digits .. jid));
end

-- MINT_TIME and MINT_NONCE are for the test vector only.
print(mint_token(arg[1], math.tointeger(tonumber(os.getenv("MINT_TIME"))), os.getenv("MINT_NONCE")));
