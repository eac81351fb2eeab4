<?php
// Checks passwords for xtokend over HTTP: TOKEN_FILE=http-token USERS_FILE=users.json php -S 127.0.0.1:8080 http-end.php
// TOKEN_FILE contains the bearer token, as the file that passwords.token_file names. USERS_FILE maps JIDs to hashes, made by
//     php -r 'echo password_hash(rtrim(fgets(STDIN), "\n"), PASSWORD_DEFAULT), "\n";' <password.txt
declare(strict_types=1);

function answer(int $status, array $value): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    exit(json_encode($value));
}

$token = trim(file_get_contents(getenv('TOKEN_FILE')));
if (!hash_equals("Bearer $token", $_SERVER['HTTP_AUTHORIZATION'] ?? '')) {
    answer(401, ['error' => 'wrong bearer token']);
}
$question = json_decode(file_get_contents('php://input'), true, flags: JSON_THROW_ON_ERROR);
$users = json_decode(file_get_contents(getenv('USERS_FILE')), true, flags: JSON_THROW_ON_ERROR);
$hash = $users[$question['jid']] ?? null;
if ($question['operation'] === 'isuser') {
    answer(200, ['accepted' => $hash !== null]);
}
// An unknown user takes as long as a known one. A "!" before the hash disables the account.
$stored = ltrim($hash ?? '$2y$10$abcdefghijklmnopqrstuuKICaAz6TLVJ7mZ1NPVpnzLAXqOBAlL2', '!');
$accepted = password_verify($question['password'], $stored) && $hash !== null;
$disabled = $accepted && $hash !== $stored;
answer($disabled ? 403 : 200, ['accepted' => $accepted && !$disabled]);
