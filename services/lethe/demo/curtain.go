package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/portability"
	"github.com/lethe-dsr/lethe/services/internal/topics"
)

// curtain checks everything that the last screen claims, in the stores and with the public key alone, and shows it.
func (p *production) curtain(ctx context.Context, dir string, left bool) error {
	verifier, err := completion.LoadVerifier(filepath.Join(dir, "keys", completion.PublicKeyFile))
	if err != nil {
		return err
	}
	written, lines, err := p.writeRecords(dir, verifier)
	if err != nil {
		return err
	}
	packages, err := p.copyPackages(dir)
	if err != nil {
		return err
	}
	flipped, err := p.flip(verifier)
	if err != nil {
		return err
	}
	now, err := p.c.read(ctx)
	if err != nil {
		return err
	}
	erased := p.erased()
	found := search(p.before, now, erased)
	leaks, err := p.searchPipeline(ctx, dir, erased)
	if err != nil {
		return err
	}
	pipeline := fmt.Sprintf("0 of %d values in clear", found.values)
	if len(leaks) > 0 {
		pipeline = "VALUES IN CLEAR in " + strings.Join(leaks, ", ")
	}
	zone := p.s.p.Config.Establishments["Berlin"].TimeZone
	p.show.last(lines, p.s.rejection(p.rejected), found, flipped, pipeline, zone)
	p.show.kept(dir, left, written, packages)
	switch {
	case found.left > 0:
		return fmt.Errorf("%d values of erased people are left, in %s", found.left, strings.Join(found.where, ", "))
	case !found.others:
		return errors.New("rows of people who did not ask have changed")
	case len(leaks) > 0:
		return fmt.Errorf("values stand in clear in %s", strings.Join(leaks, ", "))
	}
	return nil
}

// erased lists the people whose erasure was asked for.
func (p *production) erased() []Person {
	var out []Person
	for _, r := range p.requests {
		if r.kind == dsr.Erasure && r.who.ID > 0 {
			out = append(out, r.who)
		}
	}
	return out
}

// writeRecords leaves every record as a file, verifies each file, and writes its report.
func (p *production) writeRecords(dir string, v *completion.Verifier) (n int, lines []string, err error) {
	for _, sub := range []string{"records", "reports"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return 0, nil, err
		}
	}
	crowd := map[dsr.Result]int{}
	for _, r := range p.requests {
		var chain []*completion.Verified
		all := p.s.chain(r.id)
		for _, c := range all {
			name := fmt.Sprintf("%s-%.8s-%d", r.kind, r.id, c.Number)
			file := filepath.Join(dir, "records", name+".json")
			if err := os.WriteFile(file, c.Envelope, 0o600); err != nil {
				return n, nil, err
			}
			rec, err := completion.Verify(c.Envelope, v)
			if err != nil {
				return n, nil, fmt.Errorf("record %s: %w", name, err)
			}
			chain = append(chain, rec)
			if err := report(filepath.Join(dir, "reports", name), file, filepath.Join(dir, "keys", completion.PublicKeyFile), rec, all[len(all)-1].Number); err != nil {
				return n, nil, err
			}
			n++
		}
		if err := completion.VerifyChain(chain); err != nil {
			return n, nil, fmt.Errorf("records of request %s: %w", r.id, err)
		}
		if r.crowd {
			crowd[chain[len(chain)-1].Record.Result]++
			continue
		}
		for _, rec := range chain {
			lines = append(lines, completion.Line(rec.Record))
		}
	}
	return n, append(lines, crowdLine(crowd)), nil
}

// crowdLine is one line for those who are not told by themselves.
func crowdLine(results map[dsr.Result]int) string {
	var each []string
	n := 0
	for _, r := range slices.Sorted(maps.Keys(results)) {
		each = append(each, fmt.Sprintf("%d %s", results[r], strings.ToUpper(words(r))))
		n += results[r]
	}
	return fmt.Sprintf("and %d more erasures, each with a record and a report of its own: %s", n, strings.Join(each, ", "))
}

func report(path, file, keyFile string, rec *completion.Verified, addenda int32) error {
	r := completion.Report{Verified: rec, At: time.Now(), Addenda: addenda, File: file, KeyFile: keyFile}
	for ext, write := range map[string]func(io.Writer, completion.Report) error{".txt": completion.Text, ".html": completion.HTML} {
		var b bytes.Buffer
		if err := write(&b, r); err != nil {
			return err
		}
		if err := os.WriteFile(path+ext, b.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// copyPackages takes the packages out of the export store, and checks each against its own manifest and its record's hash.
func (p *production) copyPackages(dir string) (n int, err error) {
	out := filepath.Join(dir, "packages")
	if err := os.MkdirAll(out, 0o700); err != nil {
		return 0, err
	}
	for _, r := range p.requests {
		if !r.kind.Exports() {
			continue
		}
		zip, err := os.ReadFile(filepath.Join(dir, "exports", "packages", string(r.id)+".zip"))
		if err != nil {
			return n, err
		}
		m, err := portability.Verify(bytes.NewReader(zip), int64(len(zip)))
		if err != nil {
			return n, fmt.Errorf("package of request %s: %w", r.id, err)
		}
		if len(m.Files) < 3 {
			return n, fmt.Errorf("package of request %s holds %d files only", r.id, len(m.Files))
		}
		if err := os.WriteFile(filepath.Join(out, string(r.id)+".zip"), zip, 0o600); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// flip changes one byte of a record and makes sure that this is noticed.
func (p *production) flip(v *completion.Verifier) (string, error) {
	envelope := bytes.Clone(p.s.chain(p.requests[0].id)[0].Envelope)
	envelope[len(envelope)/2] ^= 1
	if _, err := completion.Verify(envelope, v); err == nil {
		return "", errors.New("a record with one byte flipped was verified")
	}
	return "1 byte flipped: refused", nil
}

// searchPipeline looks for the people's values in everything that Lethe itself wrote, the export store excepted.
func (p *production) searchPipeline(ctx context.Context, dir string, erased []Person) ([]string, error) {
	var values [][]byte
	for _, who := range erased {
		for _, v := range who.values() {
			values = append(values, []byte(v))
		}
	}
	leaks := map[string]bool{}
	look := func(where string, text []byte) {
		for _, v := range values {
			if bytes.Contains(text, v) {
				leaks[where] = true
			}
		}
	}
	var names []string
	for _, t := range topics.Specs(topics.Settings{Prefix: p.s.p.Config.Kafka.TopicPrefix}) {
		names = append(names, t.Name)
	}
	for m, err := range p.s.p.Kafka.Tail(ctx, kafka.TailConfig{Topics: names}) {
		if err != nil {
			return nil, err
		}
		look("topic "+m.Topic, m.Key)
		look("topic "+m.Topic, m.Value)
		for _, h := range m.Headers {
			look("topic "+m.Topic, h.Value)
		}
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch path {
			case filepath.Join(dir, "company"), filepath.Join(dir, "exports"), filepath.Join(dir, "packages"), filepath.Join(dir, "broker"): // the systems themselves, what was handed over, the topics again
				return fs.SkipDir
			}
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		look(strings.TrimPrefix(path, dir+string(filepath.Separator)), text)
		return nil
	})
	out := make([]string, 0, len(leaks))
	for l := range leaks {
		out = append(out, l)
	}
	return out, err
}
