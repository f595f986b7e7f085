package topics

import (
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestWhatHoldsIdentifiersExpires: what is parked holds identifiers, sealed, and goes with the messages that it was; records stay.
func TestWhatHoldsIdentifiersExpires(t *testing.T) {
	const day = 24 * time.Hour
	for _, s := range Specs(Settings{Prefix: "p.", Partitions: 1, InternalRetention: 14 * day, RequestRetention: 7 * day, StatusRetention: 60 * day}) {
		want := map[string]string{
			"p." + dsr.TopicRequests: millis(7 * day), "p." + dsr.TopicRejected: millis(7 * day), "p." + dsr.TopicStatus: millis(60 * day), "p." + dsr.TopicCompletions: "-1",
		}[s.Name]
		if want == "" { // dead letters among them
			want = millis(14 * day)
		}
		if got := s.Configs["retention.ms"]; got != want {
			t.Errorf("%s is kept for %s ms, want %s", s.Name, got, want)
		}
	}
}
