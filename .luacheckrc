-- Prosody gives each of its modules this table.
files["**/mod_*.lua"] = { globals = { "module" } }
files["**/*.lib.lua"] = { read_globals = { "module" } }
files["**/*_spec.lua"] = { std = "+busted" }
