-- Does with one program what Prosody's stock module does: starts it on a terminal of lpty at the first request, sends
-- the request at once, and takes the result of one read for the answer. Restarts the program only after exit status
-- 0.
--
-- Usage: lua5.2 lpty-harness.lua COMMAND
-- Commands on stdin, one per line; each has a result of one line on stdout:
--   ask SECONDS TEXT   sends TEXT and a newline, and reads for SECONDS: accepted | refused | silent | garbled N | dead
--   raw HEX            sends these bytes and reads nothing: sent
--   read SECONDS       reads once: nothing | got HEX
--   many N TEXT        asks N times, one after the other: the counts of accepted, refused, other and torn answers
--   close              closes the terminal: closed
local lpty = require "lpty"

local command = arg[1]
local pty = lpty.new({ throw_errors = false, no_local_echo = true, use_path = false })

-- The module never restarts a program that ended with another status than 0.
local function running()
	if pty:hasproc() then return true end
	local how, code = pty:exitstatus()
	if how and (how ~= "exit" or code ~= 0) then return false end
	return pty:startproc(command)
end

local function interpret(response)
	if not response then return "silent" end
	local answer = response:gsub("\r?\n$", "")
	if answer == "1" then return "accepted" end
	if answer == "0" then return "refused" end
	return "garbled " .. #response
end

local function ask(seconds, text)
	if not running() then return "dead" end
	pty:send(text .. "\n")
	return interpret((pty:read(seconds)))
end

local function many(count, text)
	local seen = { accepted = 0, refused = 0, other = 0, torn = 0 }
	for _ = 1, count do
		if not running() then return "dead" end
		pty:send(text .. "\n")
		local response = pty:read(5)
		local result = interpret(response)
		local key = seen[result] and result or "other"
		seen[key] = seen[key] + 1
		if response and not response:match("^[01]\r?\n$") then seen.torn = seen.torn + 1 end
	end
	return ("accepted %d refused %d other %d torn %d"):format(seen.accepted, seen.refused, seen.other, seen.torn)
end

local function hex(bytes)
	return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local function perform(line)
	local verb, rest = line:match("^(%S+) ?(.*)$")
	local number, text = rest:match("^(%S*) ?(.*)$")
	if verb == "ask" then return ask(tonumber(number), text) end
	if verb == "many" then return many(tonumber(number), text) end
	if verb == "raw" then
		if not running() then return "dead" end
		pty:send((rest:gsub("..", function(digits) return string.char(tonumber(digits, 16)) end)))
		return "sent"
	end
	if verb == "read" then
		local response = pty:read(tonumber(number))
		return response and "got " .. hex(response) or "nothing"
	end
	if verb == "close" then
		pty = nil
		collectgarbage()
		collectgarbage()
		return "closed"
	end
	error("unknown command: " .. line)
end

-- The end of a child process interrupts a read, which is not the end of the input.
local function next_line()
	local line, problem
	repeat line, problem = io.read() until line or problem ~= "Interrupted system call"
	return line
end

for line in next_line do
	print(perform(line))
	io.stdout:flush()
end
