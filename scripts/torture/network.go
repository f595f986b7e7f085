package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/lethe-dsr/lethe/scripts/servers/servers"
)

// network is every way between a role and a server: each leads through a proxy of its own, which can be made bad.
type network struct {
	server *toxiproxy.ApiServer // its collection and links, not its HTTP
	mu     sync.Mutex
	ways   map[string]*toxiproxy.Proxy
	busy   map[string]bool
}

func newNetwork() *network {
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxics have no logger of their own
	return &network{
		server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), ways: map[string]*toxiproxy.Proxy{}, busy: map[string]bool{},
	}
}

// address reserves where a way begins, before anybody knows where it leads.
func (n *network) address() (string, error) {
	port, err := servers.FreePort()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}

// open makes a way from an address to a server.
func (n *network) open(name, from, to string) error {
	p := toxiproxy.NewProxy(n.server, name, from, to)
	if err := p.Start(); err != nil {
		return fmt.Errorf("open the way %s: %w", name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ways[name] = p
	return nil
}

// toxic is a way to be bad; the empty one is a cut.
type toxic struct{ name, json string }

// toxics of the network. Where data is merely held back the connection lives; half-open loses it without a word.
var toxicKinds = []toxic{
	{"cut", ""},
	{"reset", `{"type":"reset_peer","stream":"upstream","attributes":{"timeout":0}}`},
	{"reset on answer", `{"type":"reset_peer","stream":"downstream","attributes":{"timeout":0}}`},
	{"latency", `{"type":"latency","attributes":{"latency":400,"jitter":300}}`},
	{"slow close", `{"type":"slow_close","attributes":{"delay":2000}}`},
	{"half-open, nothing sent arrives", `{"type":"timeout","stream":"upstream","attributes":{"timeout":0}}`},
	{"half-open, no answer arrives", `{"type":"timeout","stream":"downstream","attributes":{"timeout":0}}`},
	{"bandwidth", `{"type":"bandwidth","attributes":{"rate":40}}`},
}

// spoil makes a way bad for a while and good again. It reports false where the way is bad already.
func (n *network) spoil(ctx context.Context, way string, t toxic, last time.Duration) (bool, error) {
	n.mu.Lock()
	p := n.ways[way]
	if n.busy[way] {
		n.mu.Unlock()
		return false, nil
	}
	n.busy[way] = true
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		n.busy[way] = false
		n.mu.Unlock()
	}()
	if t.json == "" {
		p.Stop()
		pause(ctx, last)
		return true, retryStart(p)
	}
	if _, err := p.Toxics.AddToxicJson(strings.NewReader(t.json)); err != nil {
		return false, fmt.Errorf("spoil %s: %w", way, err)
	}
	pause(ctx, last)
	heal, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	p.Toxics.ResetToxics(heal)
	return true, nil
}

func retryStart(p *toxiproxy.Proxy) error {
	var err error
	for range 50 { // connections of the old listener may linger for a moment
		if err = p.Start(); err == nil {
			return nil
		}
		if l, lerr := net.Listen("tcp", p.Listen); lerr == nil {
			_ = l.Close() // it was only asked whether the address is free
		}
	}
	return fmt.Errorf("open the way %s again: %w", p.Name, err)
}

// close ends every way.
func (n *network) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.ways {
		p.Stop()
	}
}
