package e2e_test

import (
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestOutages: the connections to a database are cut while requests are under way, and nobody answers for a while.
func TestOutages(t *testing.T) {
	t.Parallel()
	pl := newPipeline(t, real(), 260, limits{silence: "300s", resolution: "300s"})
	store, crm := newCable(t, pl.store), newCable(t, pl.dsn["crm"])
	procs := map[string]*process{}
	for role, environ := range map[string]string{
		"coordinator": "LETHE_STORE_URL=" + store.url, "packager": "LETHE_STORE_URL=" + store.url, "crm": "LETHE_SYSTEMS_CRM_DSN=" + crm.url, "shop": "X=", "chats": "X=",
	} {
		procs[role] = pl.spawn(t, role, environ)
	}
	pl.warm(t)
	var all []person
	t.Run("database_of_the_coordinator", func(t *testing.T) {
		all = append(all, pl.crowd(t, 100, func() {
			store.cut()
			pl.prints(t, procs["coordinator"], "relay lost its connection")
			pl.prints(t, procs["coordinator"], "clock could not work what is due")
			store.mend(t)
			pl.prints(t, procs["coordinator"], "relay publishes again")
			pl.prints(t, procs["coordinator"], "clock works again")
		})...)
	})
	t.Run("database_of_a_system", func(t *testing.T) {
		crm.cut()
		q := newRequest(dsr.Erasure, []dsr.Identifier{{Kind: "customer_id", Value: "4711"}})
		pl.ask(t, q)
		pl.prints(t, procs["crm"], "the ledger does not answer, waiting for it") // it stands in the same database
		pl.until(t, "the other systems to answer", func(w *watch) bool {
			return w.answered(q.RequestID, "shop", dsr.Act) && w.answered(q.RequestID, "chats", dsr.Act)
		})
		crm.mend(t)
		pl.record(t, q.RequestID, 0)
		pl.prints(t, procs["crm"], "the ledger answers again")
		all = append(all, pl.crowd(t, 20, nil)...)
	})
	for role, p := range procs {
		p.term(t)
		if n := strings.Count(p.log.String(), "connection refused"); n > 12 {
			t.Errorf("%s says in %d lines that its database was away", role, n)
		}
		if strings.Contains(p.log.String(), "level=ERROR") {
			t.Errorf("%s logged an error, for which somebody must act:\n%s", p.name, p.log.last(20))
		}
	}
	pl.keep()
	pl.c.othersUnchanged(t, all...)
	pl.nothingInClear(t, all[:5]...)
}

// cable is a way to a database that can be cut.
type cable struct {
	url string // of the database, over the cable

	server, addr string
	mu           sync.Mutex
	listener     net.Listener
	open         map[net.Conn]bool
}

func newCable(t *testing.T, database string) *cable {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{server: u.Host, addr: "127.0.0.1:0", open: map[net.Conn]bool{}}
	c.mend(t)
	u.Host = c.addr
	c.url = u.String()
	t.Cleanup(c.cut)
	return c
}

// mend lets connections through again, at the same address.
func (c *cable) mend(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", c.addr)
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.listener, c.addr = l, l.Addr().String()
	c.mu.Unlock()
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", c.server)
			if err != nil {
				_ = in.Close()
				continue
			}
			c.mu.Lock()
			c.open[in], c.open[out] = true, true
			c.mu.Unlock()
			go c.pass(in, out)
			go c.pass(out, in)
		}
	}()
}

func (c *cable) pass(from, to net.Conn) {
	_, _ = io.Copy(to, from) // one side has gone, so both have
	_, _ = from.Close(), to.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, from)
}

// cut refuses connections and breaks those that there are.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.listener.Close() // it may be cut already
	for conn := range c.open {
		_ = conn.Close()
	}
}
