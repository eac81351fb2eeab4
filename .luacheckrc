-- Prosody gives each of its modules this table.
files["**/mod_*.lua"] = { globals = { "module" }, read_globals = { "prosody" } }
files["**/*.lib.lua"] = { read_globals = { "module", "prosody" } }
files["**/*_spec.lua"] = { std = "+busted" }
