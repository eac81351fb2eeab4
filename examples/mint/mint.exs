# Mints a login token: elixir mint.exs alice@example.com
# Needs no packages (Debian: elixir erlang-crypto), and OTP_SEED and TOKEN_SECRET in the environment.
defmodule Mint do
  def token(jid, now \\ System.os_time(:second), nonce \\ random_nonce()) do
    # The chat server prepares user names before xtokend verifies the signature, so sign the prepared form.
    jid = jid |> String.normalize(:nfkc) |> String.downcase()
    digits = totp(Base.decode32!(System.fetch_env!("OTP_SEED"), padding: false), now) <> nonce
    signature = :crypto.mac(:hmac, :sha256, System.fetch_env!("TOKEN_SECRET"), digits <> jid)
    "#{digits} #{Base.encode64(signature)}"
  end

  defp totp(key, now) do
    hash = :crypto.mac(:hmac, :sha, key, <<div(now, 30)::64>>)
    offset = rem(:binary.last(hash), 16)
    <<_::1, number::31>> = binary_part(hash, offset, 4)
    number |> rem(100_000_000) |> Integer.to_string() |> String.pad_leading(8, "0")
  end

  # The remainder of a number that is 10^28 times larger has no bias that matters.
  defp random_nonce do
    number = :crypto.strong_rand_bytes(25) |> :binary.decode_unsigned() |> rem(10 ** 32)
    number |> Integer.to_string() |> String.pad_leading(32, "0")
  end
end

[jid] = System.argv()
# MINT_TIME and MINT_NONCE are for the test vector only.
time = System.get_env("MINT_TIME")
vector = if time, do: [String.to_integer(time), System.fetch_env!("MINT_NONCE")], else: []
IO.puts(apply(Mint, :token, [jid | vector]))
