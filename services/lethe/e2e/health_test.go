package e2e_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// TestHealth: each service says when it is ready, and what keeps it from that; one whose partition lies still says that it is not alive.
func TestHealth(t *testing.T) {
	t.Parallel()
	pl := newPipeline(t, real(), 10, limits{silence: "300s", resolution: "300s"})
	store, crm := newCable(t, pl.store), newCable(t, pl.dsn["crm"])
	store.cut()
	crm.cut()
	at := map[string]string{}
	for role, environ := range map[string]string{"coordinator": "LETHE_STORE_URL=" + store.url, "packager": "X=", "crm": "LETHE_SYSTEMS_CRM_DSN=" + crm.url, "shop": "X=", "chats": "X="} {
		at[role] = freeAddress(t)
		pl.spawn(t, role, environ, "LETHE_HEALTH_ADDRESS="+at[role], "LETHE_HEALTH_STALLED=5s")
	}
	for role, says := range map[string]string{
		"packager": "ready\n", "shop": "ready\n", "chats": "ready\n", "coordinator": "coordinator's database: has not come up yet\n", "crm": "system crm: has not come up yet\n",
	} {
		pl.answers(t, at[role], "/readyz", says)
		pl.answers(t, at[role], "/livez", "alive\n")
	}
	store.mend(t)
	crm.mend(t)
	for _, role := range []string{"coordinator", "crm"} {
		pl.answers(t, at[role], "/readyz", "ready\n")
	}
	pl.warm(t)
	store.cut()
	pl.answers(t, at["coordinator"], "/readyz", "coordinator's database: ")
	store.mend(t)
	pl.answers(t, at["coordinator"], "/readyz", "ready\n")

	// A schema that no build knows halts the partition in which it stands: a message waits, and all that is needed is there.
	stray := kafka.Message{Topic: pl.prefix + dsr.TopicErasure, Key: []byte("x"), Value: []byte{0xc3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 9}}
	if err := pl.p.Producer.Send(t.Context(), []kafka.Message{stray}); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"crm", "shop", "chats"} {
		pl.answers(t, at[role], "/livez", fmt.Sprintf("of group %s%s lies still", pl.prefix, role))
		pl.answers(t, at[role], "/readyz", "ready\n")
	}
	pl.answers(t, at["coordinator"], "/livez", "alive\n")

	pl.deleteTopics(t, dsr.TopicPackaging)
	for _, role := range []string{"coordinator", "packager", "shop"} {
		pl.answers(t, at[role], "/readyz", pl.prefix+dsr.TopicPackaging)
	}
	pl.until(t, "the topic to be made anew", func(*watch) bool { return pl.lethe(t, "topics", "apply").code == 0 })
	for _, role := range []string{"coordinator", "packager", "shop"} {
		pl.answers(t, at[role], "/readyz", "ready\n")
	}

	second := pl.letheWith(t, []string{"LETHE_HEALTH_ADDRESS=" + at["shop"]}, "responder", "shop")
	if second.code != 1 || !strings.Contains(second.stderr, "health.address") {
		t.Errorf("a second service on one address ended with %d: %s", second.code, second.stderr)
	}
	pl.keep()
}

// answers asks until the text holds what is wanted. 200 goes with yes, 503 with everything else.
func (pl *pipeline) answers(t *testing.T, address, path, says string) {
	t.Helper()
	last := ""
	defer func() {
		if t.Failed() {
			t.Logf("%s%s said last: %s", address, path, last)
		}
	}()
	pl.until(t, fmt.Sprintf("%q from %s", says, path), func(*watch) bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			last = err.Error() // it has not begun to listen
			return false
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		last = string(body)
		if yes := last == "ready\n" || last == "alive\n"; yes != (answer.StatusCode == http.StatusOK) {
			t.Fatalf("%d %s", answer.StatusCode, last)
		}
		return strings.Contains(last, says)
	})
}

// freeAddress is one on loopback that nobody listens on at this moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
