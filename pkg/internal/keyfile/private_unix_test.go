//go:build unix

package keyfile

import (
	"io/fs"
	"testing"
)

func TestAcceptedMode(t *testing.T) {
	for _, tc := range []struct {
		name        string
		owner, self int
		want        fs.FileMode
	}{
		{"ones_own_file", 1000, 1000, 0o600},
		{"a_strangers_file", 1001, 1000, 0o600},
		{"a_secret_that_a_container_platform_mounts", 0, 1000, 0o640},
		{"roots_own_file", 0, 0, 0o600},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := acceptedMode(tc.owner, tc.self); got != tc.want {
				t.Errorf("got %04o, want %04o", got, tc.want)
			}
		})
	}
}
