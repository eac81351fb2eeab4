-- How Prosody (0.12 or 13.0) is told to ask xtokend. Copy what you need into /etc/prosody/prosody.cfg.lua.
-- docs/prosody.md is the way from nothing to the first login.

-- Above all hosts: the folder in which mod_auth_xtoken.lua lies.
plugin_paths = { "/usr/local/lib/prosody/modules" }

VirtualHost "example.com"
    authentication = "xtoken"
    xtoken_socket = "/run/xtokend/xtokend.sock" -- where xtokend listens; this is the default
    xtoken_timeout = 5 -- seconds that a login waits for the answer; this is the default

-- Without our module, by mod_auth_external_insecure from prosody-modules: read docs/prosody-stock-module.md first.
-- VirtualHost "example.org"
--     authentication = "external_insecure"
--     external_auth_command = "/usr/bin/xtokend" -- one path, no arguments
