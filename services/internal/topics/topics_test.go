package topics

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestWhatHoldsIdentifiersExpires: what is parked holds identifiers, sealed, and goes with the messages that it was; records stay.
func TestWhatHoldsIdentifiersExpires(t *testing.T) {
	const day = 24 * time.Hour
	type kept struct{ policy, ms string }
	got := map[string]kept{}
	for _, s := range Specs(Settings{Prefix: "p.", Partitions: 1, InternalRetention: 14 * day, RequestRetention: 7 * day, StatusRetention: 60 * day}) {
		got[s.Name] = kept{s.Configs["cleanup.policy"], s.Configs["retention.ms"]}
	}
	want := map[string]kept{
		"p." + dsr.TopicRequests: {"delete", "604800000"}, "p." + dsr.TopicRejected: {"delete", "604800000"},
		"p." + dsr.TopicStatus: {"compact,delete", "5184000000"}, "p." + dsr.TopicCompletions: {"delete", "-1"},
	}
	for _, name := range []string{
		dsr.TopicResolution, dsr.TopicErasure, dsr.TopicPortability, dsr.TopicAccess, dsr.TopicVerification, dsr.TopicPackaging,
		dsr.TopicAcknowledgement, dsr.TopicDeadLetters,
	} {
		want["p."+name] = kept{"delete", "1209600000"}
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(kept{})); d != "" {
		t.Errorf("topics are kept otherwise (-want +got):\n%s", d)
	}
}
