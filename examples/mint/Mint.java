// Mints a login token: java Mint.java alice@example.com
// Needs no packages (Debian: default-jdk-headless), and OTP_SEED and TOKEN_SECRET in the environment.
import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.text.Normalizer;
import java.time.Instant;
import java.util.Base64;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Mint {
    private static final SecureRandom RANDOM = new SecureRandom();

    public static String mintToken(String jid) throws GeneralSecurityException {
        String nonce = RANDOM.ints(32, 0, 10).mapToObj(String::valueOf).collect(Collectors.joining());
        return mintToken(jid, Instant.now().getEpochSecond(), nonce);
    }

    static String mintToken(String jid, long now, String nonce) throws GeneralSecurityException {
        // The chat server prepares user names before xtokend verifies the signature, so sign the prepared form.
        String prepared = Normalizer.normalize(jid, Normalizer.Form.NFKC).toLowerCase(Locale.ROOT);
        String digits = totp(decodeBase32(secret("OTP_SEED")), now) + nonce;
        byte[] secret = secret("TOKEN_SECRET").getBytes(UTF_8);
        byte[] signature = hmac("HmacSHA256", secret, (digits + prepared).getBytes(UTF_8));
        return digits + " " + Base64.getEncoder().encodeToString(signature);
    }

    private static String secret(String name) {
        return Objects.requireNonNull(System.getenv(name), name + " is not set");
    }

    private static String totp(byte[] key, long now) throws GeneralSecurityException {
        byte[] hash = hmac("HmacSHA1", key, ByteBuffer.allocate(8).putLong(now / 30).array());
        int number = ByteBuffer.wrap(hash).getInt(hash[19] & 15) & 0x7fffffff;
        return String.format(Locale.ROOT, "%08d", number % 100_000_000);
    }

    private static byte[] hmac(String algorithm, byte[] key, byte[] message) throws GeneralSecurityException {
        Mac mac = Mac.getInstance(algorithm);
        mac.init(new SecretKeySpec(key, algorithm));
        return mac.doFinal(message);
    }

    private static byte[] decodeBase32(String text) {
        String letters = text.replaceAll("=+$", "");
        ByteBuffer bytes = ByteBuffer.allocate(letters.length() * 5 / 8);
        int bits = 0;
        int count = 0;
        for (char letter : letters.toCharArray()) {
            int value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter);
            if (value < 0) throw new IllegalArgumentException("OTP_SEED is not base32");
            bits = bits << 5 | value;
            count += 5;
            if (count >= 8) bytes.put((byte) (bits >> (count -= 8)));
        }
        return bytes.array();
    }

    public static void main(String[] args) throws GeneralSecurityException {
        // MINT_TIME and MINT_NONCE are for the test vector only.
        String time = System.getenv("MINT_TIME");
        String nonce = System.getenv("MINT_NONCE");
        System.out.println(time == null ? mintToken(args[0]) : mintToken(args[0], Long.parseLong(time), nonce));
    }
}
