// Mints a login token: go run mint.go alice@example.com
//
// Needs github.com/pquerna/otp and golang.org/x/text (Debian: golang-github-pquerna-otp-dev golang-golang-x-text-dev), and
// OTP_SEED and TOKEN_SECRET in the environment.
package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"math/big"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
	"golang.org/x/text/unicode/norm"
)

func MintToken(jid string) (string, error) {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(32), nil)
	nonce, err := rand.Int(rand.Reader, limit)
	if err != nil {
		return "", err
	}
	return mintToken(jid, time.Now(), fmt.Sprintf("%032d", nonce))
}

func mintToken(jid string, now time.Time, nonce string) (string, error) {
	seed, secret := os.Getenv("OTP_SEED"), os.Getenv("TOKEN_SECRET")
	if seed == "" || secret == "" {
		return "", errors.New("OTP_SEED or TOKEN_SECRET is not set")
	}
	// The chat server prepares user names before xtokend verifies the signature, so sign the prepared form.
	jid = strings.ToLower(norm.NFKC.String(jid))
	options := totp.ValidateOpts{Period: 30, Digits: otp.DigitsEight, Algorithm: otp.AlgorithmSHA1}
	code, err := totp.GenerateCodeCustom(seed, now, options)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(code + nonce + jid))
	return code + nonce + " " + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

func main() {
	token, err := MintToken(os.Args[1])
	// MINT_TIME and MINT_NONCE are for the test vector only.
	if seconds, invalid := strconv.ParseInt(os.Getenv("MINT_TIME"), 10, 64); invalid == nil {
		token, err = mintToken(os.Args[1], time.Unix(seconds, 0), os.Getenv("MINT_NONCE"))
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token)
}
