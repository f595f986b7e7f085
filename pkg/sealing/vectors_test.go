package sealing_test

import (
	"crypto/ecdh"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/sealing"
)

// Bytes that were sealed once and must open for ever: they stand on topics and in stores. The keys are no secrets, bytes 0 to
// 31 each.

func knownKey() []byte {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	return key
}

// TestAnotherLibrarysIdentifiersOpen: sealed in Python by scripts/interop/seal.py (pyhpke 0.6.5, fastavro 1.13.1).
func TestAnotherLibrarysIdentifiersOpen(t *testing.T) {
	const sealed = "eedd883da0a945152886c197e71627672c6f92a8a8399dce53c87bf1766e58cc440154ce0842cb6e21ab44286956e29ab4bd877648ebee1eddf01f8eb04311570d0f7d6f5394b8e7e066262307a10e54b28e3910d530d66042d4180d483a4f"
	der := must(x509.MarshalPKCS8PrivateKey(must(ecdh.X25519().NewPrivateKey(knownKey()))(t)))(t)
	keys := must(sealing.ParsePrivateKeys(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))(t)
	// In Avro binary: two items, each a kind and a value behind their lengths (zig-zag, so twice as much), and the end.
	const want = "\x04" + "\x0aemail" + "\x1ezoe@example.org" + "\x16customer_id" + "\x0442" + "\x00"
	if got := must(keys.Open(requestID, must(hex.DecodeString(sealed))(t)))(t); string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	readme := string(must(os.ReadFile("../../schemas/README.md"))(t))
	if public := must(ecdh.X25519().NewPrivateKey(knownKey()))(t).PublicKey(); !strings.Contains(strings.ReplaceAll(readme, "\n", ""), sealed) ||
		!strings.Contains(readme, hex.EncodeToString(public.Bytes())) || !strings.Contains(readme, keys.Public().KeyID()) {
		t.Error("schemas/README.md shows other bytes to check an implementation with")
	}
}

func TestEarlierBytesOpen(t *testing.T) {
	const (
		topic    = "011a2b3c4dd06dd19a73e0a2e0fefbd27d8fbb4153a6ba980822c57a8cac331aa763a0e12ce25aecaa1fbbb3d0b70e4c"
		envelope = "010041011a2b3c4daca9a87f17389f5636fa325795583946d8675a890c53f932ae6584f123f6f1166a88610b01fd793c08b2d755e71785aa7ec57edc85e7ea29dc70b7198d08c8e05430e789f8dedbb826e090972094e6fe702e30b7e3220462171610bb2a73b46c93ce93ec80de75"
	)
	// AesGcmKey{version 0, key_value}
	value := base64.StdEncoding.EncodeToString(append([]byte{0x1a, 0x20}, knownKey()...))
	text := fmt.Sprintf(`{"primaryKeyId":439041101,"key":[{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.AesGcmKey","value":%q,"keyMaterialType":"SYMMETRIC"},"status":"ENABLED","keyId":439041101,"outputPrefixType":"TINK"}]}`, value)
	keys := must(sealing.ParseKeyset([]byte(text)))(t)
	if keys.KeyID() != "1a2b3c4d" {
		t.Errorf("key %s", keys.KeyID())
	}
	if got := must(keys.Open(must(hex.DecodeString(topic))(t), sealing.IdentifiersAD(requestID, dsr.Act)))(t); string(got) != "zoe@example.org" {
		t.Errorf("topic: %q", got)
	}
	if got := must(sealing.NewEnvelope(keys).Open(must(hex.DecodeString(envelope))(t), sealing.StoredAD(requestID)))(t); string(got) != "zoe@example.org" {
		t.Errorf("store: %q", got)
	}
}
