-- How Prosody (0.12 or later) is told to ask xtokend. Copy what you need into /etc/prosody/prosody.cfg.lua.

VirtualHost "example.com"

    -- The stock way: Prosody starts xtokend itself, by mod_auth_external_insecure from prosody-modules.
    -- The command is one path, without arguments; the settings come from /etc/xtokend/xtokend.toml.
    -- Read docs/terminal.md first: the first login after a restart of Prosody can fail.
    authentication = "external_insecure"
    external_auth_command = "/usr/bin/xtokend"
    external_auth_protocol = "generic"

    -- Coming, and better: a module of our own, over a Unix socket, that never makes Prosody wait.
    -- authentication = "xtoken"
    -- xtoken_socket = "/run/xtokend/xtokend.sock"
