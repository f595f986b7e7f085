package roles

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// TestWhatTheStartWaitsFor: a database that is away or has no time is waited for; what a person must mend ends the start.
func TestWhatTheStartWaitsFor(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"a connection that is refused", responder.Unavailable(errors.New("dial")), true},
		{"a statement that took too long", &pgconn.PgError{Code: "57014"}, true},
		{"a lock that was not given", &pgconn.PgError{Code: "55P03"}, true},
		{"a statement that took too long on MariaDB", &mysql.MySQLError{Number: 1969}, true},
		{"a syntax error", &pgconn.PgError{Code: "42601"}, false},
		{"an unmapped catalogue", errors.New("table is not in the data map"), false},
	} {
		if got := away(fmt.Errorf("open: %w", c.err)); got != c.want {
			t.Errorf("%s is waited for: %t", c.name, got)
		}
	}
}

// TestWhatTheStartWaitsForIsSaidOnce: away for a day, it is asked again and again, named in one line, and found soon after it is back.
func TestWhatTheStartWaitsForIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &Process{Log: slog.New(slog.NewTextHandler(&log, nil))}
		begun, asked := time.Now(), 0
		got, err := await(t.Context(), p, "system shop", func() (string, error) {
			if asked++; asked > 50_000 {
				return "", errors.New("asked without a pause")
			}
			if time.Since(begun) < 24*time.Hour { // of the bubble's clock
				return "", responder.Unavailable(errors.New("dial"))
			}
			return "the shop", nil
		}, away)
		if got != "the shop" || err != nil {
			t.Errorf("it got %q, %v", got, err)
		}
		if late := time.Since(begun) - 24*time.Hour; late > 10*time.Second {
			t.Errorf("it was found %s after it was back", late)
		}
		if said := log.String(); strings.Count(said, "\n") != 2 || !strings.Contains(said, `level=WARN msg="is away and waited for" what="system shop" error=`) ||
			!strings.Contains(said, `level=INFO msg="is back" what="system shop"`) {
			t.Errorf("it said:\n%s", said)
		}
	})
}

// TestWhatNobodyWaitsFor: what comes back wrong ends the start.
func TestWhatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &Process{Log: slog.New(slog.NewTextHandler(&log, nil))}
		wrong := errors.New("table is not in the data map")
		answers := []error{responder.Unavailable(errors.New("dial")), wrong}
		_, err := await(t.Context(), p, "system shop", func() (string, error) {
			if len(answers) == 0 {
				return "what is wrong", nil
			}
			err := answers[0]
			answers = answers[1:]
			return "", err
		}, away)
		if !errors.Is(err, wrong) || !strings.Contains(err.Error(), "open system shop") {
			t.Errorf("error %v, want one that names what was opened", err)
		}
	})
}
