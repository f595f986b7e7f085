package datamap

import (
	"testing"
	"time"
)

func TestPlain(t *testing.T) {
	for key, want := range map[string]string{
		"user.contact.email":        "your e-mail address",
		"user.contact.address.flat": "your address", // a key of the company's own under one of Fideslang's
		"essential.service":         "to provide what you asked for or ordered",
		"acme.loyalty":              "",
		"":                          "",
	} {
		if got := Plain(key); got != want {
			t.Errorf("%q is %q, want %q", key, got, want)
		}
	}
	for p, want := range map[Period]string{
		{Years: 10}: "10 years", {Years: 1, Months: 6}: "1 year 6 months", {Days: 1, Clock: 90 * time.Minute}: "1 day 1 hour 30 minutes", {}: "not at all",
	} {
		if got := p.Words(); got != want {
			t.Errorf("%s is %q, want %q", p, got, want)
		}
	}
}
