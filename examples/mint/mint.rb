# Mints a login token: ruby mint.rb alice@example.com
# Needs rotp (Debian: ruby-rotp), and OTP_SEED and TOKEN_SECRET in the environment.
require 'openssl'
require 'rotp'
require 'securerandom'

def mint_token(jid, now = Time.now.to_i, nonce = format('%032d', SecureRandom.random_number(10**32)))
  # The chat server prepares user names before xtokend verifies the signature, so sign the prepared form.
  jid = jid.unicode_normalize(:nfkc).downcase
  digits = ROTP::TOTP.new(ENV.fetch('OTP_SEED'), digits: 8).at(now) + nonce
  signature = OpenSSL::HMAC.digest('SHA256', ENV.fetch('TOKEN_SECRET'), digits + jid)
  "#{digits} #{[signature].pack('m0')}"
end

if $PROGRAM_NAME == __FILE__
  vector = [ENV['MINT_TIME']&.to_i, ENV['MINT_NONCE']].compact # for the test vector only
  puts mint_token(ARGV[0].dup.force_encoding('UTF-8'), *vector)
end
