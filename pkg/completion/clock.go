package completion

import "time"

// Clock is the period of GDPR Art. 12(3). It runs until the person is told, not until the seal.
type Clock struct {
	Establishment string     `json:"establishment"`
	TimeZone      string     `json:"time_zone"` // IANA name: all dates of the report are in it
	RuleID        string     `json:"rule_id"`
	CalendarID    string     `json:"calendar_id"` // whose public holidays move the end
	DueAt         time.Time  `json:"due_at"`      // the last second; pauses are in it, the extension is not
	Pauses        []Pause    `json:"pauses"`
	Extension     *Extension `json:"extension"`
	Answer        *Answer    `json:"answer"`  // null: the person has not been told
	OnTime        string     `json:"on_time"` // OnTime, Late or NotAnswered; computed by Seal
}

// Pause is a time in which the period did not run: doubts about the identity, raised without undue delay (Art. 12(6)).
type Pause struct {
	From   time.Time  `json:"from"`
	To     *time.Time `json:"to"`
	Reason string     `json:"reason"`
}

// Extension is the prolongation by up to two months of Art. 12(3). It counts only if the person was notified in the first month.
type Extension struct {
	Until      time.Time  `json:"until"`
	Reason     string     `json:"reason"`
	NotifiedAt *time.Time `json:"notified_at"`
}

// Answer is how the person was told.
type Answer struct {
	InformedAt time.Time `json:"informed_at"`
	Channel    string    `json:"channel"`
	TextSHA256 Hex       `json:"text_sha256"`
}

// What Clock.OnTime says.
const (
	OnTime      = "yes"
	Late        = "no"
	NotAnswered = "not_answered"
)

// Due is the last second in which an answer is in time: DueAt, or the end of an extension of which the person was notified in
// time.
func (c *Clock) Due() time.Time {
	if e := c.Extension; e != nil && e.NotifiedAt != nil && !e.NotifiedAt.After(endOfSecond(c.DueAt)) {
		return e.Until
	}
	return c.DueAt
}

func (c *Clock) onTime() string {
	switch {
	case c.Answer == nil:
		return NotAnswered
	case c.Answer.InformedAt.After(endOfSecond(c.Due())):
		return Late
	}
	return OnTime
}

// endOfSecond is the end of the last second of a period: 23:59:59.5 is still in time.
func endOfSecond(t time.Time) time.Time {
	return t.Truncate(time.Second).Add(time.Second - time.Nanosecond)
}
