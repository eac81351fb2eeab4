# Mints a login token: perl mint.pl alice@example.com
# Needs Pass::OTP and CryptX (Debian: libpass-otp-perl libcryptx-perl), and OTP_SEED and TOKEN_SECRET in the environment.
use strict;
use warnings;
use Crypt::PRNG 'random_string_from';
use Digest::SHA 'hmac_sha256';
use Encode qw(decode_utf8 encode_utf8);
use MIME::Base64 'encode_base64';
use Pass::OTP 'totp';
use Unicode::Normalize 'NFKC';

sub mint_token {
    my ($jid, $now, $nonce) = @_;
    my ($seed, $secret) = map { $ENV{$_} // die "$_ is not set\n" } qw(OTP_SEED TOKEN_SECRET);
    # The chat server prepares user names before xtokend verifies the signature, so sign the prepared form.
    $jid = lc NFKC($jid);
    my $otp = totp(secret => $seed, base32 => 1, digits => 8, now => $now // time);
    $nonce //= random_string_from('0123456789', 32);
    my $signature = hmac_sha256(encode_utf8($otp . $nonce . $jid), $secret);
    # The base64 of Digest::SHA lacks the padding.
    return "$otp$nonce " . encode_base64($signature, '');
}

# MINT_TIME and MINT_NONCE are for the test vector only.
my $jid = decode_utf8(shift // die "expected a JID\n");
print mint_token($jid, $ENV{MINT_TIME}, $ENV{MINT_NONCE}), "\n";
