package objects_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/objects"
)

// people fills the desk: Anna is customer 1, Bob customer 2; agent 9 served both.
func (k *desk) people() {
	k.write("conversations/a.jsonl", "\xef\xbb\xbf"+`{"id":"c1","customer":{"id":1,"email":"Anna@Example.org","score":3},"messages":["hi"],"internal":true}`+"\r\n"+
		`{ "id" : "c2", "customer" : {"id": 2.0, "email":"bob@example.org"}, "n": 12345678901234567890 }`+"\n"+
		"\n"+
		`{"id":"c3","customer":{"id":"1"},"messages":["ring < twice"]}`+"\n")
	k.write("conversations/b.jsonl", `{"id":"c4","customer":{"id":12}}`)
	k.write("conversations/notes.txt", "Anna called")
	k.write("attachments/c1/letter.txt", "from Anna")
	k.write("attachments/c2/letter.txt", "from Bob")
	k.write("attachments/c3/deep/photo.png", "\x89PNG")
	k.write("embeddings/1/x.json", "[1]")
	k.write("embeddings/1/y.json", "[2]")
	k.write("embeddings/12/x.json", "[3]")
	k.write("mailings.jsonl", `{"to":["bob@example.org","ANNA@example.org"]}`+"\n"+`{"to":["bob@example.org"]}`+"\n"+`{"to":"anna@example.org"}`+"\n")
	k.write("ratings/2026.jsonl", `{"conversation":"c1","stars":5.50,"by":{"name":"Anna","mail":"anna@example.org","device":"d-1","phones":["1","2"]},"agent_id":9}`+"\n"+
		`{"conversation":"c2","stars":1,"by":{"name":"Bob","device":"d-1"},"agent_id":9}`+"\n")
	k.write("bills/1-2026.pdf", "%PDF")
	k.write("bills/12-2026.pdf", "%PDF")
	k.write("agents.jsonl", `{"id":9,"mail":"agent@example.org"}`+"\n")
}

func TestErase(t *testing.T) {
	k := newDesk(t)
	k.people()
	s := k.system()
	want := k.all()
	info, err := os.Stat(filepath.Join(k.dir, "conversations", "b.jsonl"))
	if err != nil {
		t.Fatal(err)
	}

	as := erase(t, s, ask(dsr.Act, 1, customer("1"), email("anna@example.org")), ask(dsr.Act, 1, customer("99"), email("nobody@example.org")))

	want["conversations/a.jsonl"] = `{ "id" : "c2", "customer" : {"id": 2.0, "email":"bob@example.org"}, "n": 12345678901234567890 }` + "\n\n"
	for _, name := range []string{
		"attachments/c1/", "attachments/c1/letter.txt", "attachments/c3/", "attachments/c3/deep/", "attachments/c3/deep/photo.png",
		"embeddings/1/", "embeddings/1/x.json", "embeddings/1/y.json",
	} {
		delete(want, name)
	}
	want["mailings.jsonl"] = `{"to":["bob@example.org"]}` + "\n"
	got := k.all()
	masked := regexp.MustCompile(`^\{"conversation":null,"stars":5\.50,"by":\{"name":"erased","mail":"erased-[0-9a-f]{23}","device":"hmac-[0-9a-f]{64}","phones":null\},"agent_id":9\}\n\{"conversation":"c2"`)
	if !masked.MatchString(got["ratings/2026.jsonl"]) {
		t.Errorf("ratings are %s", got["ratings/2026.jsonl"])
	}
	if !strings.HasSuffix(got["ratings/2026.jsonl"], "\n"+strings.SplitAfter(want["ratings/2026.jsonl"], "\n")[1]) {
		t.Error("Bob's rating was changed")
	}
	want["ratings/2026.jsonl"] = got["ratings/2026.jsonl"]
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the files (-want +got):\n%s", d)
	}
	if now, err := os.Stat(filepath.Join(k.dir, "conversations", "b.jsonl")); err != nil || !now.ModTime().Equal(info.ModTime()) {
		t.Error("a file without a record of the person was written")
	}
	if runtime.GOOS != "windows" {
		if now, err := os.Stat(filepath.Join(k.dir, "conversations", "a.jsonl")); err != nil || now.Mode().Perm() != info.Mode().Perm() {
			t.Error("a file that was replaced has other rights")
		}
	}
	wantLines := map[string]line{
		"conversations": {dsr.Erased, dsr.Counts{Found: 2, Erased: 2}, ""},
		"attachments":   {dsr.Erased, dsr.Counts{Found: 2, Erased: 2}, ""},
		"embeddings":    {dsr.Erased, dsr.Counts{Found: 2, Erased: 2}, ""},
		"mailings":      {dsr.Erased, dsr.Counts{Found: 2, Erased: 2}, ""},
		"ratings":       {dsr.Pseudonymised, dsr.Counts{Found: 1, Pseudonymised: 1}, ""},
		"bills":         {dsr.Retained, dsr.Counts{Found: 1, Retained: 1}, ""},
	}
	if d := cmp.Diff(wantLines, lines(as[0])); d != "" {
		t.Errorf("Anna's answer (-want +got):\n%s", d)
	}
	for name, l := range lines(as[1]) {
		if (l != line{Outcome: dsr.NotFound}) {
			t.Errorf("nobody's %s: %+v", name, l)
		}
	}
}

func TestSecondErasureChangesNothing(t *testing.T) {
	k := newDesk(t)
	k.people()
	s := k.system()
	erase(t, s, ask(dsr.Act, 1, customer("1"), email("anna@example.org")))
	before := k.all()
	a := lines(erase(t, s, ask(dsr.Act, 1, customer("1"), email("anna@example.org")))[0])
	if d := cmp.Diff(before, k.all()); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
	if d := cmp.Diff(line{dsr.Retained, dsr.Counts{Found: 1, Retained: 1}, ""}, a["bills"]); d != "" {
		t.Errorf("bills (-want +got):\n%s", d)
	}
	delete(a, "bills")
	for name, l := range a {
		if (l != line{Outcome: dsr.NotFound}) {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

func TestTwoRequestsOfOnePersonInABatch(t *testing.T) {
	k := newDesk(t)
	k.people()
	as := erase(t, k.system(), ask(dsr.Act, 1, customer("1")), ask(dsr.Act, 1, customer("1")))
	if d := cmp.Diff(line{dsr.Erased, dsr.Counts{Found: 2, Erased: 2}, ""}, lines(as[0])["embeddings"]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	want := line{dsr.Erased, dsr.Counts{Found: 2}, "2 of these are counted with another request of the same batch"}
	for _, name := range []string{"conversations", "embeddings", "attachments"} {
		if d := cmp.Diff(want, lines(as[1])[name]); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestDetach(t *testing.T) {
	k := newDesk(t)
	k.people()
	d := ask(dsr.Act, 1, email("agent@example.org"))
	d.Capacity = "agent"
	s := k.system()
	a := erase(t, s, d)[0]
	want := map[string]line{
		"agents":  {dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""},
		"ratings": {dsr.Detached, dsr.Counts{Found: 2, Detached: 2}, ""},
	}
	if d := cmp.Diff(want, lines(a)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if n := strings.Count(k.read("ratings/2026.jsonl"), `"agent_id":null`); n != 2 {
		t.Errorf("%d references are null", n)
	}
	d.Keys, d.Phase = a.Keys, dsr.Verify
	k.append("ratings/2026.jsonl", `{"conversation":"c9","agent_id":9}`+"\n")
	as, err := s.Verify(t.Context(), []responder.Dispatch{d})
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(as[0])["ratings"].Counts.Remaining; got != 1 {
		t.Errorf("a look finds %d references, want the late one", got)
	}
}

func TestLinesThatAreNoRecords(t *testing.T) {
	for name, bad := range map[string]string{
		"broken":        `{"id":"c1","customer":{"id":1`,
		"two_objects":   `{"id":"c1"}{"id":"c2"}`,
		"no_object":     `["c1", 1]`,
		"too_long":      `{"id":"c1","text":"` + strings.Repeat("x", 5000) + `"}`,
		"text":          `Anna called`,
		"trailing":      `{"id":"c1"}}`,
		"number_as_key": `{1:2}`,
	} {
		t.Run(name, func(t *testing.T) {
			k := newDesk(t)
			k.write("conversations/a.jsonl", bad+"\n"+`{"id":"c1","customer":{"id":1}}`+"\n"+bad+"\n")
			s := k.system(func(c *objects.Config) { c.MaxLine = 4000 })
			a := lines(erase(t, s, ask(dsr.Act, 1, customer("1")))[0])
			if got := k.read("conversations/a.jsonl"); got != bad+"\n"+bad+"\n" {
				t.Errorf("left are %d bytes: %.100s", len(got), got)
			}
			want := line{dsr.NotSearched, dsr.Counts{Found: 1, Erased: 1}, "2 lines in 1 files are no records: they were left as they are and may be anybody's"}
			if d := cmp.Diff(want, a["conversations"]); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if a["embeddings"].Outcome != dsr.NotFound {
				t.Errorf("embeddings are %s", a["embeddings"].Outcome)
			}
		})
	}
}

func TestValuesThatCannotStandInAName(t *testing.T) {
	k := newDesk(t)
	k.people()
	before := k.all()
	for _, v := range []string{"..", "1/..", "a/b", `1\2`} {
		a := lines(erase(t, k.system(), ask(dsr.Act, 1, customer(v)))[0])
		if a["embeddings"].Outcome != dsr.NotSearched {
			t.Errorf("%q: embeddings are %s", v, a["embeddings"].Outcome)
		}
	}
	if d := cmp.Diff(before, k.all()); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
}

func TestAFileLargerThanItsBuffers(t *testing.T) {
	k := newDesk(t)
	var all, left strings.Builder
	for i := range 3000 {
		l := fmt.Sprintf(`{"id":"c%d","customer":{"id":%d},"messages":[%q]}`+"\n", i, i%10, strings.Repeat("long ", i%300))
		all.WriteString(l)
		if i%10 != 1 {
			left.WriteString(l)
		}
	}
	k.write("conversations/a.jsonl", all.String())
	a := lines(erase(t, k.system(), ask(dsr.Act, 1, customer("1")))[0])
	if k.read("conversations/a.jsonl") != left.String() {
		t.Error("other lines than the person's are gone, or not the same")
	}
	if a["conversations"].Counts.Erased != 300 {
		t.Errorf("%+v", a["conversations"])
	}
}

// What the application appends while files are replaced must all be there afterwards, and nothing else.
func TestTheApplicationAppendsMeanwhile(t *testing.T) {
	k := newDesk(t)
	k.write("conversations/a.jsonl", "")
	s := k.system()
	const people, each = 12, 200
	for p := range people {
		k.append("conversations/a.jsonl", fmt.Sprintf(`{"id":"p-%d","customer":{"id":%d}}`+"\n", p, p))
		var g errgroup.Group
		g.Go(func() error {
			for n := range each {
				k.append("conversations/a.jsonl", fmt.Sprintf(`{"id":"keep-%d-%d","customer":{"id":1000000}}`+"\n", p, n))
			}
			return nil
		})
		g.Go(func() error {
			_, err := s.Erase(t.Context(), []responder.Dispatch{ask(dsr.Act, 1, customer(fmt.Sprint(p)))})
			return err
		})
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	got := k.read("conversations/a.jsonl")
	if n := strings.Count(got, "\n"); n != people*each {
		t.Errorf("%d lines are left, the application wrote %d", n, people*each)
	}
	if strings.Contains(got, `"p-`) {
		t.Error("a record of an erased person is left")
	}
}

func TestTwoBatchesAtOnceDoNotUndoEachOther(t *testing.T) {
	k := newDesk(t)
	var all strings.Builder
	for i := range 40 {
		fmt.Fprintf(&all, `{"id":"c%d","customer":{"id":%d}}`+"\n", i, i)
	}
	k.write("conversations/a.jsonl", all.String())
	s := k.system()
	var g errgroup.Group
	for i := range 40 {
		g.Go(func() error {
			_, err := s.Erase(t.Context(), []responder.Dispatch{ask(dsr.Act, 1, customer(fmt.Sprint(i)))})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := k.read("conversations/a.jsonl"); got != "" {
		t.Errorf("left: %s", got)
	}
}

func TestADirectoryThatCannotBeRead(t *testing.T) {
	if os.Getuid() == 0 {
		// The superuser reads everything: a name that is no directory has to do.
		k := newDesk(t)
		s := k.system()
		if err := os.RemoveAll(k.dir); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Erase(t.Context(), []responder.Dispatch{ask(dsr.Act, 1, customer("1"))}); responder.Classify(err) == "" {
			t.Error("a directory that is gone has no records, it is said")
		}
		if err := s.Check(t.Context()); responder.Classify(err) != responder.ClassUnavailable {
			t.Errorf("the check of a directory that is gone: %v", err)
		}
		return
	}
	k := newDesk(t)
	k.people()
	s := k.system()
	dir := filepath.Join(k.dir, "attachments", "c1")
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	_, err := s.Erase(t.Context(), []responder.Dispatch{ask(dsr.Act, 1, customer("1"))})
	if responder.Classify(err) != responder.ClassUnavailable || strings.Contains(err.Error(), "c1") {
		t.Errorf("an unreadable directory: %v", err)
	}
}
