package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Numbers of people are long: one that is found in a dump is no accident.
const (
	firstCustomer = 9_876_000_000
	firstStaff    = 8_765_000_000
	staffPerCrowd = 12
	crowd         = 150 // customers who are founded together
)

// person is a customer or one of the staff. Nobody of the name exists; the domain cannot.
type person struct {
	id                      int
	staff                   bool
	name, email, nick, home string
	account                 bool // known at the desk
	orders, tickets, chats  int
	by                      int // the one of the staff who answers the tickets; of the staff: the head, 0: none
}

// customer is the n-th customer of a seed: nothing but these two decides what there is of them.
func customer(seed uint64, n int) person {
	r := rand.New(rand.NewPCG(seed, uint64(n)<<8|1))
	p := person{
		id: firstCustomer + n, name: fmt.Sprintf("Wilma Quistgaard-%06d", n), email: fmt.Sprintf("Wilma.Quistgaard.%06d@Post.Example", n),
		nick: fmt.Sprintf("quisty-%06d", n), home: fmt.Sprintf("Hinterhofgasse %06d", n), account: r.IntN(5) > 0,
	}
	p.orders = r.IntN(3)
	if p.account {
		p.tickets = r.IntN(4)
	}
	if r.IntN(4) > 0 {
		p.chats = 1 + r.IntN(2)
	}
	p.by = firstStaff + n/crowd*staffPerCrowd + r.IntN(staffPerCrowd)
	return p
}

// employee is the n-th of the staff. The first of each dozen heads the others.
func employee(n int) person {
	p := person{
		id: firstStaff + n, staff: true, name: fmt.Sprintf("Balduin Overbeck-%06d", n), email: fmt.Sprintf("Balduin.Overbeck.%06d@Post.Example", n),
	}
	if head := n - n%staffPerCrowd; head != n {
		p.by = firstStaff + head
	}
	return p
}

// byMail and byNumber are how a person is named in a request. The address is written as people write theirs: unlike the shop.
func (p person) byMail() dsr.Identifier {
	return dsr.Identifier{Kind: dsr.Email, Value: strings.ToLower(p.email)}
}

func (p person) byNumber() dsr.Identifier {
	if p.staff {
		return dsr.Identifier{Kind: "staff_id", Value: strconv.Itoa(p.id)}
	}
	return dsr.Identifier{Kind: "customer_id", Value: strconv.Itoa(p.id)}
}

// chat is the line of a person's n-th conversation.
func (p person) chat(n int) string {
	var v struct {
		ID       string `json:"id"`
		Customer struct {
			ID   int    `json:"id"`
			Name string `json:"name"`
		} `json:"customer"`
		Messages []string `json:"messages"`
	}
	v.ID, v.Customer.ID, v.Customer.Name = fmt.Sprintf("c-%d-%d", p.id, n), p.id, p.name
	v.Messages = []string{"I live at " + p.home + ".", "We shall write to " + p.email + "."}
	line, err := json.Marshal(v)
	if err != nil {
		panic(err) // numbers and strings always marshal
	}
	return string(line)
}
