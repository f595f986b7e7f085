package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/sealing"
)

// said is how a command ended.
type said struct {
	code           int
	stdout, stderr string
}

// lethe runs the command in this process.
func lethe(t *testing.T, environ []string, args ...string) said {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, &stdout, &stderr, environ)
	return said{code, stdout.String(), stderr.String()}
}

// TestACommandOfAPersonGivesUp: nobody listens at the broker's address, and a person who typed a command is told so.
func TestACommandOfAPersonGivesUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broker := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	keys := t.TempDir()
	if _, err := sealing.CreateDir(keys); err != nil {
		t.Fatal(err)
	}
	environ := []string{"LETHE_KAFKA_BROKERS=" + broker, "LETHE_KEYS_DIR=" + keys}
	ask := []string{"request", "erasure", "--id", "customer_id=1", "--request-id", "7f3c1e52-9a4b-4c8d-8e2f-0123456789a1"}
	for _, tc := range []struct {
		args []string
		says string
	}{
		{[]string{"status"}, "does not answer, given up after 300ms"},
		{[]string{"record", "list"}, "does not answer, given up after 300ms"},
		{[]string{"record", "get", "7f3c1e52-9a4b-4c8d-8e2f-0123456789a1"}, "does not answer, given up after 300ms"},
		{[]string{"deadletters", "list"}, "does not answer, given up after 300ms"},
		{[]string{"deadletters", "show", "0/1"}, "does not answer, given up after 300ms"},
		{[]string{"deadletters", "redrive", "0/1"}, "does not answer, given up after 300ms"},
		{[]string{"deadletters", "discard", "0/1", "--reason", "none"}, "does not answer, given up after 300ms"},
		{[]string{"topics", "apply"}, "does not answer, given up after 300ms"},
		{ask, "repeat it with --request-id 7f3c1e52-9a4b-4c8d-8e2f-0123456789a1 is safe"},
		{append(ask, "--wait", "--timeout", "100ms"), "repeat it with --request-id 7f3c1e52-9a4b-4c8d-8e2f-0123456789a1 is safe"},
	} {
		t.Run(strings.Join(tc.args, "_"), func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			a := &app{stdout: &stdout, stderr: &stderr, environ: environ, patience: 300 * time.Millisecond}
			root := newRoot(a)
			root.SetArgs(tc.args)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			err := root.ExecuteContext(ctx)
			if ctx.Err() != nil || err == nil || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), broker) && !strings.Contains(stderr.String(), broker) {
				t.Errorf("it ended with %v: %s", err, stderr.String())
			}
		})
	}
}

// TestWrongUsageSaysWhatIsRight: what a person typed wrongly, and the words that help.
func TestWrongUsageSaysWhatIsRight(t *testing.T) {
	for _, tc := range []struct {
		args []string
		says string
		not  string
	}{
		{[]string{"request", "delete", "--email", "zoe@example.org"}, "say access, erasure, portability", "zoe@"},
		{[]string{"request", "erasure", "customer_id=200"}, "--id kind=value", "200"},
		{[]string{"request", "erasure", "zoe@example.org"}, "--email ADDRESS", "zoe@"},
		{[]string{"deadletters", "show", "x"}, "PARTITION/OFFSET, such as 0/17", "brokers"},
		{[]string{"deadletters", "redrive", "0/-1"}, "PARTITION/OFFSET", "brokers"},
		{[]string{"deadletters", "discard", "1", "--reason", "x"}, "PARTITION/OFFSET", "brokers"},
		{[]string{"deadletters", "forget"}, "say discard, list, redrive, show", ""},
		{[]string{"record", "burn"}, "say get, list, report, verify", ""},
	} {
		t.Run(strings.Join(tc.args, "_"), func(t *testing.T) {
			r := lethe(t, nil, tc.args...)
			if r.code != exitUsage || !strings.Contains(r.stderr, tc.says) || tc.not != "" && strings.Contains(r.stderr, tc.not) {
				t.Errorf("it ended with %d: %s", r.code, r.stderr)
			}
		})
	}
	if r := lethe(t, nil, "--help"); r.code != 0 || strings.Contains(r.stdout, "autocompletion") {
		t.Errorf("the list of commands names one that is not Lethe's:\n%s", r.stdout)
	}
}

func TestKeysNamesWhatIsWrong(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	keys := func(args ...string) said {
		return lethe(t, []string{"LETHE_KEYS_DIR=" + dir}, append([]string{"keys"}, args...)...)
	}
	if r := keys("init"); r.code != 0 {
		t.Fatalf("%d: %s", r.code, r.stderr)
	}
	topics, err := os.ReadFile(filepath.Join(dir, sealing.TopicsFile))
	if err != nil {
		t.Fatal(err)
	}
	k, err := sealing.ParseKeyset(topics)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		says []string
	}{
		{[]string{"promote", "topics", "deadbeef"}, append([]string{`no key "deadbeef"`, "its keys are"}, k.KeyIDs()...)},
		{[]string{"promote", "intake", "deadbeef"}, []string{`no key "deadbeef"`, "its keys are"}},
		{[]string{"promote", "masks", "x"}, []string{`no key "x"`, "its keys are"}},
		{[]string{"promote", "record", "deadbeef"}, []string{"is not promoted"}},
		{[]string{"add", "bogus"}, []string{`"bogus"`, "intake, topics, store, subjects, masks or record"}},
	} {
		r := keys(tc.args...)
		for _, says := range tc.says {
			if r.code != exitError || !strings.Contains(r.stderr, says) {
				t.Errorf("keys %s ended with %d, and should say %q: %s", strings.Join(tc.args, " "), r.code, says, r.stderr)
			}
		}
	}
	if now, err := os.ReadFile(filepath.Join(dir, sealing.TopicsFile)); err != nil || !bytes.Equal(now, topics) {
		t.Errorf("a refusal changed the file of keys: %v", err)
	}
	for _, name := range []string{sealing.MasksFile, completion.PublicKeyFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if r := keys("init"); r.code != exitError || !strings.Contains(r.stderr, "but not") || !strings.Contains(r.stderr, name) || strings.Contains(r.stderr, sealing.StoreFile) {
			t.Errorf("without %s it ended with %d: %s", name, r.code, r.stderr)
		}
	}
}

func TestTopicsThatAreWrongStandOneALineWithWhatMendsThem(t *testing.T) {
	err := fmt.Errorf("check topics: %w", errors.Join(&kafka.MissingTopicsError{Topics: []string{"lethe.completions"}}, &kafka.WrongTopicsError{Problems: []kafka.TopicProblem{
		{Topic: "lethe.acknowledgements", Setting: "partitions", Want: "at least 6", Got: "3"},
		{Topic: "lethe.request-status", Setting: "cleanup.policy", Want: "compact,delete", Got: "delete"},
	}}))
	want := []string{
		"topics are not as the configuration has them. Change the topic, or the setting, and apply again:",
		"  topic lethe.completions: is missing (lethe topics apply)",
		"  topic lethe.acknowledgements: partitions is 3, should be at least 6 (kafka-topics.sh --bootstrap-server HOST:PORT --alter --topic lethe.acknowledgements --partitions 6)",
		"  topic lethe.request-status: cleanup.policy is delete, should be compact,delete (kafka-configs.sh --bootstrap-server HOST:PORT --alter --topic lethe.request-status --add-config 'cleanup.policy=[compact,delete]')",
	}
	if d := cmp.Diff(want, strings.Split(inWords(err), "\n")); d != "" {
		t.Error(d)
	}
}

// parked is a dead letter as a responder leaves it.
func parked(value []byte, headers ...string) *deadletter {
	d := &deadletter{id: "0/7", Message: kafka.Message{Key: []byte("k"), Value: value}}
	for i := 0; i < len(headers); i += 2 {
		d.Headers = append(d.Headers, kafka.Header{Key: headers[i], Value: []byte(headers[i+1])})
	}
	return d
}

func TestRedrive(t *testing.T) {
	codec, err := event.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	r := &reading{codec: codec, prefix: "lethe."}
	dispatch := dsr.Dispatch{
		RequestID: "7f3c1e52-9a4b-4c8d-8e2f-0123456789a1", Kind: dsr.Erasure, Phase: dsr.Act, Round: 1, Attempt: 2, Systems: []string{"shop", "crm", "chats"},
		DispatchedAt: now, AsOf: now, NotAfter: now.Add(time.Hour), DispatchID: "d",
	}
	value, err := codec.EncodeDispatch(dispatch)
	if err != nil {
		t.Fatal(err)
	}
	from := []string{"lethe_topic", "lethe.subject-requests.erasure", "lethe_partition", "1", "lethe_offset", "17", "lethe_system", "crm", "lethe_service", "responder"}
	t.Run("a_dispatch_reaches_the_system_that_failed_alone_as_the_next_attempt", func(t *testing.T) {
		d := parked(value, append(from, "lethe_attempt", "3", "ce_id", "d")...)
		m, err := r.again(d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := codec.DecodeDispatch(m.Value)
		if err != nil {
			t.Fatal(err)
		}
		if got.Attempt != 4 || !cmp.Equal(got.Systems, []string{"crm"}) || m.Topic != "lethe.subject-requests.erasure" || len(m.Headers) != 1 {
			t.Errorf("attempt %d for %v on %s with %d headers", got.Attempt, got.Systems, m.Topic, len(m.Headers))
		}
		for _, says := range []string{"repair what failed in crm", "redrive 0/7", "attempt 4", "discard 0/7"} {
			if next := r.next(d, &dispatch, now); !strings.Contains(next, says) {
				t.Errorf("what to do next is %q", next)
			}
		}
		if next := r.next(d, &dispatch, now.Add(2*time.Hour)); !strings.Contains(next, "its time is over") {
			t.Errorf("past not_after: %q", next)
		}
	})
	for name, d := range map[string]*deadletter{
		"bytes_that_nobody_can_read":      parked([]byte("\xc3\x01nothing"), from...),
		"a_value_with_bytes_behind_it":    parked(append(bytes.Clone(value), 0), from...),
		"no_bytes_at_all":                 parked(nil, from...),
		"an_acknowledgement_that_is_none": parked(value, "lethe_topic", "lethe.acknowledgements", "lethe_service", "coordinator"),
	} {
		t.Run(name+"_are_refused", func(t *testing.T) {
			if _, err := r.again(d); err == nil {
				t.Error("they are sent again")
			}
			if next := r.next(d, nil, now); !strings.Contains(next, "cannot be sent again") || !strings.Contains(next, "discard 0/7") {
				t.Errorf("what to do next is %q", next)
			}
		})
	}
}

// chainFiles writes a record and one addendum, made from a record that pkg/completion keeps for ever, and their public key.
func chainFiles(t *testing.T) (key, record, addendum string) {
	t.Helper()
	dir, golden := t.TempDir(), "../../pkg/completion/testdata/record/"
	verified := func(path, key string) *completion.Verified {
		v, err := completion.LoadVerifier(key)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := verifyFile(path, v)
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	if _, err := completion.CreateKey(dir); err != nil {
		t.Fatal(err)
	}
	signer, err := completion.LoadSigner(filepath.Join(dir, completion.PrivateKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	key = filepath.Join(dir, completion.PublicKeyFile)
	seal := func(r *completion.Record) string {
		sealed, err := completion.Seal(r, signer)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, fmt.Sprintf("a-%d.json", r.Number))
		if err := os.WriteFile(path, sealed.Envelope, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	r := verified(golden+"v1_partial.json", golden+"record.pub").Record
	record = seal(r)
	next := *r
	sum := verified(record, key).SHA256
	next.Type, next.Number, next.Previous = completion.TypeAddendum, 1, &completion.Previous{RecordID: r.RecordID, SHA256: sum[:]}
	next.RecordID, next.AsOf = "0b0c3a56-5d0e-5c6b-9d0b-3f5e9a3c7a10", r.AsOf.AddDate(0, 0, 1)
	next.Environment = completion.Development
	return key, record, seal(&next)
}

func TestVerifySaysWhatItChecked(t *testing.T) {
	key, record, addendum := chainFiles(t)
	verify := func(files ...string) said {
		return lethe(t, nil, append([]string{"record", "verify", "--key", key}, files...)...)
	}
	both := verify(record, addendum)
	lines := strings.Split(strings.TrimSpace(both.stdout), "\n")
	if both.code != 0 || len(lines) != 2 {
		t.Fatalf("it ended with %d: %s%s", both.code, both.stdout, both.stderr)
	}
	if !strings.Contains(lines[0], "number 1 follows it") || !strings.Contains(lines[0], "chain of 2 records checked") || strings.Contains(lines[0], "not checked") {
		t.Errorf("of the record: %s", lines[0])
	}
	if !strings.Contains(lines[1], "chain of 2 records checked") || !strings.Contains(lines[1], "later addenda not checked") || !strings.Contains(lines[1], "environment dev") {
		t.Errorf("of its addendum: %s", lines[1])
	}
	if r := verify(addendum); r.code != 0 || !strings.Contains(r.stdout, "number 0, which it follows, was not given") || strings.Contains(r.stdout, "chain") {
		t.Errorf("of an addendum by itself: %d %s", r.code, r.stdout)
	}
	if r := verify(record); r.code != 0 || !strings.Contains(r.stdout, "later addenda not checked") || strings.Contains(r.stdout, "environment") {
		t.Errorf("of a record by itself: %d %s", r.code, r.stdout)
	}
	if r := verify(record, record); r.code != 1 || !strings.Contains(r.stdout, "does not fit the others") || !strings.Contains(r.stderr, "number 0 where number 1 belongs") {
		t.Errorf("of a record given twice: %d %s%s", r.code, r.stdout, r.stderr)
	}
}

func TestTheBuildSaysWhatGoStamped(t *testing.T) {
	stamped := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	for name, tc := range map[string]struct {
		version string
		info    *debug.BuildInfo
		want    completion.Software
	}{
		"nothing":         {"", nil, completion.Software{Version: "dev", Commit: "unknown"}},
		"go_run":          {"", stamped("(devel)"), completion.Software{Version: "dev", Commit: "unknown"}},
		"go_build":        {"", stamped("v0.3.1", debug.BuildSetting{Key: "vcs.revision", Value: "354a193"}, debug.BuildSetting{Key: "vcs.modified", Value: "false"}), completion.Software{Version: "v0.3.1", Commit: "354a193"}},
		"changed_since":   {"", stamped("v0.3.2-0.20261129-354a193+dirty", debug.BuildSetting{Key: "vcs.revision", Value: "354a193"}, debug.BuildSetting{Key: "vcs.modified", Value: "true"}), completion.Software{Version: "v0.3.2-0.20261129-354a193+dirty", Commit: "354a193, changed"}},
		"a_release_build": {"1.0.0", stamped("(devel)", debug.BuildSetting{Key: "vcs.revision", Value: "354a193"}), completion.Software{Version: "1.0.0", Commit: "354a193"}},
	} {
		if got := buildOf(tc.version, tc.info); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}

func TestStatusWords(t *testing.T) {
	now := time.Date(2026, 12, 30, 0, 0, 0, 0, time.UTC)
	due := now.Add(-time.Hour)
	var out bytes.Buffer
	a := &app{stdout: &out}
	list := []*dsr.Status{{RequestID: "a", State: dsr.Acting, DueAt: due, ReceivedAt: due}, {RequestID: "b", State: dsr.Sealed, Result: dsr.Complete, DueAt: due}}
	if !overdue(list[0], now) || overdue(list[1], now) || overdue(list[0], due) {
		t.Error("a request without a record is overdue after its due date, and no other is")
	}
	owed := []rejected{{Rejection: &dsr.Rejection{RequestID: "c", Reason: "kind", DueAt: due}}, {Rejection: &dsr.Rejection{RequestID: "d", DueAt: due}, by: "e"}}
	if err := errors.Join(a.statusTable(list, owed), a.statusInFull(list, owed)); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	zone, _ := due.Local().Zone()
	for _, want := range []string{"DUE (" + zone + ")", stamp(due), "corrected by e"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	if w := owed[0].owedWords(now); w != "still owed an answer, OVERDUE" {
		t.Errorf("of a rejection past its due date: %s", w)
	}
}

func TestARecordNamesTheRejectionThatItCloses(t *testing.T) {
	envelope := func(payload string) []byte {
		b, err := json.Marshal(map[string]string{"payload": base64.StdEncoding.EncodeToString([]byte(payload))})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for payload, want := range map[string]dsr.RequestID{
		`{"request":{"id":"x","corrects":"y"}}`: "y", `{"request":{"corrects":null}}`: "", `{}`: "", "not json": "",
	} {
		if got := correctedBy(envelope(payload)); got != want {
			t.Errorf("%s: %q", payload, got)
		}
	}
}
