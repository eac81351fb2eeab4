<?php
// Installs WordPress, and activates the plugin. WordPress takes Alice for alice, so Mallory signs in instead.
define('WP_INSTALLING', true);
require ABSPATH . 'wp-load.php';

function wp_new_blog_notification(): void
{
    // Send no mail.
}

require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('Test', 'alice', 'alice@example.com', false, '', 'password');
// Users can change this name, so it must not be the one in a token.
wp_update_user(['ID' => username_exists('alice'), 'user_nicename' => 'admin']);
wp_create_user('bob', 'password', 'bob@example.com');
wp_create_user('Mallory', 'password', 'mallory@example.com');
$error = activate_plugin('xmpp-credentials/xmpp-credentials.php');
exit(is_wp_error($error) ? 1 : 0);
