package responder

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// elsewhere is the clock of a database on another machine.
type elsewhere struct {
	ahead time.Duration
	err   error
}

func (e *elsewhere) Now(context.Context) (time.Time, error) { return time.Now().Add(e.ahead), e.err }

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := time.Duration(0) // how far somebody has set this machine's clock
		db := &elsewhere{ahead: 3 * time.Hour}
		c := &clock{machine: func() time.Time { return time.Now().Add(set) }, ledger: db}
		is := func(what string, want time.Duration) {
			t.Helper()
			if got := time.Until(c.now()); got != want {
				t.Errorf("%s it is ahead by %s, want %s", what, got, want)
			}
		}
		set = time.Minute
		is("before the database was asked", time.Minute)
		db.err = errors.New("away")
		if again, err := c.read(t.Context()); err == nil || again != readClockAgain {
			t.Errorf("asked in vain: again after %s, %v", again, err)
		}
		is("after it was asked in vain", time.Minute)
		db.err = nil
		if again, err := c.read(t.Context()); err != nil || again != readClockEvery {
			t.Errorf("asked: again after %s, %v", again, err)
		}
		is("after it has said", 3*time.Hour)
		time.Sleep(10 * time.Second)
		is("a while later", 3*time.Hour)
		set = -24 * time.Hour
		is("after this machine's clock was set", 3*time.Hour)
		db.ahead = time.Hour
		is("before the database is asked once more", 3*time.Hour)
		if _, err := c.read(t.Context()); err != nil {
			t.Error(err)
		}
		is("after the database moved to another machine", time.Hour)
	})
}

func TestClockThatIsGivenGoesBefore(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 6789, time.UTC)
	c := newClock(Config{Clock: func() time.Time { return at }}, nil)
	if c.ledger != nil || !c.now().Equal(at.Truncate(time.Microsecond)) {
		t.Errorf("it is %s", c.now())
	}
}
