<?php
// Mints a login token: php mint.php alice@example.com
// Needs christian-riesen/otp and christian-riesen/base32, installed with Composer in this directory, or from Debian 12
// (php-christianriesen-otp php-intl php-mbstring); and OTP_SEED and TOKEN_SECRET in the environment.
declare(strict_types=1);

$composer = __DIR__ . '/vendor/autoload.php';
require_once is_file($composer) ? $composer : 'ChristianRiesen/Otp/autoload.php';

function mintToken(string $jid, ?int $now = null, ?string $nonce = null): string
{
    $seed = getenv('OTP_SEED') ?: throw new RuntimeException('OTP_SEED is not set');
    $secret = getenv('TOKEN_SECRET') ?: throw new RuntimeException('TOKEN_SECRET is not set');
    // The chat server prepares user names before xtokend verifies the signature, so sign the prepared form.
    $jid = mb_strtolower(Normalizer::normalize($jid, Normalizer::FORM_KC), 'UTF-8');
    $timeStep = intdiv($now ?? time(), 30);
    $otp = (new Otp\Otp())->setDigits(8)->totp(Base32\Base32::decode($seed), $timeStep);
    $nonce ??= implode(array_map(fn () => random_int(0, 9), range(1, 32)));
    $signature = hash_hmac('sha256', $otp . $nonce . $jid, $secret, true);
    return $otp . $nonce . ' ' . base64_encode($signature);
}

if (PHP_SAPI === 'cli' && realpath($argv[0] ?? '') === __FILE__) { // not if your application includes this file
    $now = getenv('MINT_TIME'); // MINT_TIME and MINT_NONCE are for the test vector only.
    echo mintToken($argv[1], $now ? (int) $now : null, getenv('MINT_NONCE') ?: null), "\n";
}
