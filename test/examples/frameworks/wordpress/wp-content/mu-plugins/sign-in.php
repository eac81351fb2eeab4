<?php
add_action('init', function (): void {
    if ($_SERVER['REQUEST_URI'] === '/sign-in') {
        $name = in_array($_POST['user'], ['alice', 'bob'], true) ? $_POST['user'] : 'Mallory';
        $user = wp_signon(['user_login' => $name, 'user_password' => 'password']);
        status_header(is_wp_error($user) ? 403 : 200);
        exit;
    }
    if ($_SERVER['REQUEST_URI'] === '/sign-out') {
        wp_logout();
        exit;
    }
});
