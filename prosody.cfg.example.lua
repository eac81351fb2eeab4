-- Lets users log in to Prosody (0.12 or 13.0) with tokens. Copy what you need to /etc/prosody/prosody.cfg.lua, and
-- follow docs/prosody.md.

-- Without the Debian package, above all hosts: the directory that contains mod_auth_xtoken.lua and the files next to it.
plugin_paths = { "/usr/local/lib/prosody/modules" }

VirtualHost "example.com"
    authentication = "xtoken"
    xtoken_socket = "/run/xtokend/xtokend.sock" -- path on which the service listens (default)
    -- xtoken_command = "/usr/bin/xtokend" -- instead of xtoken_socket: Prosody starts xtokend, so no service is needed
    xtoken_timeout = 5 -- seconds that a login waits for the answer (default)

-- With mod_auth_external_insecure from prosody-modules instead. Read docs/prosody-stock-module.md first.
-- VirtualHost "example.org"
--     authentication = "external_insecure"
--     external_auth_command = "/usr/bin/xtokend" -- one path, no arguments
