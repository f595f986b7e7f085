package demo

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

//go:embed schema.sql
var schemaSQL string

//go:embed datamap.yml
var dataMapYAML []byte

// Person is a customer of the demo's company. Nobody of the name exists; the domain can't.
type Person struct {
	ID                         int
	Name, Email, Phone, Street string
	Orders                     int // each with an invoice
	Conversations              int // each with its embedding
}

// values are the texts by which the person would be recognised wherever they stood.
func (p Person) values() []string { return []string{p.Name, p.Email, p.Phone, p.Street} }

// Company is a bookshop in miniature: a shop database, the support conversations of its assistant, and the embeddings made
// from them.
type Company struct {
	Dir    string
	People []Person
}

func (c *Company) shopPath() string         { return filepath.Join(c.Dir, "shop.db") }
func (c *Company) conversationsDir() string { return filepath.Join(c.Dir, "support") }
func (c *Company) embeddingsDir() string    { return filepath.Join(c.Dir, "vectors") }

var (
	given  = strings.Fields("Ada Bruno Carla Dario Edda Falk Greta Henning Ilse Jonas Katja Lasse Mira Nils Olga Piet Rosa Sven Thea Ulf Vera Wanda Yaron Zita")
	family = strings.Fields("Abendroth Birkholz Calmund Dornfeld Eschweiler Fahrenkamp Grünbaum Halvorsen Immergut Jessen Kaltwasser Lindqvist Morgentau Nachtigall Osterloh Pfefferkorn Quandt Rosenbohm Sturmfels Tiefenbach Uhlenbrock Vogelsang Wiesengrund Zobel")
	places = strings.Fields("Lindenallee Kirchgasse Seeufer Mühlenweg Bahnhofstr. Nordring Gartenpfad Hafenkai")
	books  = strings.Fields("Atlas Gezeiten Herbarium Kometen Logbuch Nachtzug Papierboot Wintergarten")
)

// invent makes people. The same seed makes the same people.
func invent(n int) []Person {
	rng := rand.New(rand.NewPCG(2026, 1124))
	people := make([]Person, n)
	for i := range people {
		id := i + 1
		first, last := given[i%len(given)], family[(i/len(given)+i*7)%len(family)]
		people[i] = Person{
			ID: id, Name: fmt.Sprintf("%s %s-%03d", first, last, id),
			Email:  fmt.Sprintf("%s.%03d@post.example", strings.ToLower(first), id),
			Phone:  fmt.Sprintf("+49 30 555%04d", id),
			Street: fmt.Sprintf("%s %d, Hinterhaus %03d", places[rng.IntN(len(places))], 1+rng.IntN(90), id),
		}
		if i%3 != 0 {
			people[i].Orders = 1 + rng.IntN(3)
		}
		if i%4 != 3 {
			people[i].Conversations = 1 + rng.IntN(2)
		}
	}
	return people
}

// found makes the company: its people, and what three systems know of them.
func found(ctx context.Context, dir string, people int) (*Company, error) {
	c := &Company{Dir: dir, People: invent(people)}
	for _, d := range []string{dir, filepath.Join(c.conversationsDir(), "conversations"), c.embeddingsDir()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	if err := c.fillShop(ctx); err != nil {
		return nil, fmt.Errorf("fill the shop: %w", err)
	}
	if err := c.fillConversations(); err != nil {
		return nil, fmt.Errorf("fill the conversations: %w", err)
	}
	return c, nil
}

func (c *Company) openShop() (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+filepath.ToSlash(c.shopPath())+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(ON)")
}

func (c *Company) fillShop(ctx context.Context) error {
	db, err := c.openShop()
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, schemaSQL); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	order := 0
	for _, p := range c.People {
		if _, err := tx.ExecContext(ctx, `insert into customers values (?, ?, ?, ?, ?, 'Berlin', ?)`, p.ID, p.Email, p.Name, p.Phone, p.Street, p.ID%2); err != nil {
			return err
		}
		for n := range p.Orders {
			order++
			day := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC).AddDate(0, 0, order%300).Format(time.DateOnly)
			if _, err := tx.ExecContext(ctx, `insert into orders values (?, ?, ?, ?)`, order, p.ID, day, p.Street); err != nil {
				return err
			}
			for line := range 1 + n {
				if _, err := tx.ExecContext(ctx, `insert into order_items values (?, ?, ?, ?)`, order, line+1, books[(order+line)%len(books)], 900+100*line); err != nil {
					return err
				}
			}
			if _, err := tx.ExecContext(ctx, `insert into invoices values (?, ?, ?, ?, ?)`, order, p.ID, day, p.Name+", "+p.Street, 900*(n+1)); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

// conversation is one line of the support desk's files.
type conversation struct {
	ID       string   `json:"id"`
	Customer customer `json:"customer"`
	Started  string   `json:"started_at"`
	Messages []string `json:"messages"`
}

type customer struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

func (c *Company) fillConversations() error {
	for _, p := range c.People {
		for n := range p.Conversations {
			if err := c.converse(p, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// converse writes a conversation and the embedding made from it, as the company's application does.
func (c *Company) converse(p Person, n int) error {
	talk := conversation{
		ID: fmt.Sprintf("c-%03d-%d", p.ID, n), Customer: customer{p.ID, p.Name}, Started: fmt.Sprintf("2026-1%d-0%dT09:30:00Z", n%2, 1+p.ID%8),
		Messages: []string{
			"Hello, this is " + p.Name + ". My parcel has not come; I live at " + p.Street + ".",
			"I am sorry to hear that. I have asked the carrier and will write to " + p.Email + ".",
		},
	}
	line, err := json.Marshal(talk)
	if err != nil {
		return err
	}
	name := filepath.Join(c.conversationsDir(), "conversations", talk.Started[:7]+".jsonl")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	vector := make([]float32, 16)
	rng := rand.New(rand.NewPCG(uint64(p.ID), uint64(n)))
	for i := range vector {
		vector[i] = rng.Float32()
	}
	body, err := json.Marshal(map[string]any{"conversation": talk.ID, "text": talk.Messages[0], "vector": vector})
	if err != nil {
		return err
	}
	dir := filepath.Join(c.embeddingsDir(), "embeddings", fmt.Sprint(p.ID))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, talk.ID+".json"), body, 0o600)
}
