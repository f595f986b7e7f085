package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// Listen takes the address on which Serve will answer.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("health.address: %w", err)
	}
	return l, nil
}

// Serve answers and looks after the process until ctx ends, and closes the listener: GET /livez and GET /readyz, 200 for yes and 503 for
// no, with one line for each thing that is wrong.
func (h *Health) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: h.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, MaxHeaderBytes: 8 << 10}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("answer for health: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		h.Run(gctx)
		return server.Close() // a probe that is cut off asks again
	})
	return g.Wait()
}

func (h *Health) handler() http.Handler {
	mux := http.NewServeMux()
	answer := func(yes string, ask func() error) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			text := yes
			if err := ask(); err != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
				text = err.Error()
			}
			_, _ = io.WriteString(w, text+"\n") // whoever asked has gone, or reads it
		}
	}
	mux.HandleFunc("GET /livez", answer("alive", h.Alive))
	mux.HandleFunc("GET /readyz", answer("ready", h.Ready))
	return mux
}
