package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

func newRecord(a *app) *cobra.Command {
	record := &cobra.Command{Use: "record", Short: "List, fetch, verify and read completion records"}
	record.AddCommand(newRecordList(a), newRecordGet(a), newRecordVerify(a), newRecordReport(a))
	return record
}

func newRecordList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the records on the completions topic",
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := a.completions(cmd, "")
			if err != nil {
				return err
			}
			if a.output == "json" {
				for _, c := range all {
					if err := a.printJSON(map[string]any{
						"request_id": c.RequestID, "record_id": c.RecordID, "number": c.Number, "type": c.Type, "kind": c.Kind, "result": c.Result,
						"sealed_at": c.SealedAt.UTC(), "sha256": fmt.Sprintf("%x", c.SHA256), "environment": c.Environment,
					}); err != nil {
						return err
					}
				}
				return nil
			}
			return a.table("REQUEST\tKIND\tRECORD\tNUMBER\tRESULT\tSEALED", func(w io.Writer) {
				for _, c := range all {
					fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", c.RequestID, c.Kind, c.RecordID, c.Number, c.Result, stamp(c.SealedAt))
				}
			})
		},
	}
}

func newRecordGet(a *app) *cobra.Command {
	var number int32
	var out string
	cmd := &cobra.Command{
		Use: "get REQUEST-ID", Short: "Print the record of a request (its latest addendum)", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := dsr.ParseRequestID(args[0])
			if err != nil {
				return &usageError{cmd.CommandPath(), err}
			}
			all, err := a.completions(cmd, id)
			if err != nil {
				return err
			}
			if number >= 0 {
				all = slices.DeleteFunc(all, func(c dsr.Completion) bool { return c.Number != number })
			}
			if len(all) == 0 {
				return fmt.Errorf("no such record of request %s on the completions topic", id)
			}
			latest := slices.MaxFunc(all, func(x, y dsr.Completion) int { return int(x.Number) - int(y.Number) })
			if out != "" {
				return os.WriteFile(out, latest.Envelope, 0o600)
			}
			_, err = a.stdout.Write(latest.Envelope)
			return err
		},
	}
	cmd.Flags().Int32Var(&number, "number", -1, "0 for the record, 1, 2 … for its addenda (default: the latest)")
	cmd.Flags().StringVar(&out, "out", "", "write the envelope to a `file` instead, byte for byte")
	return cmd
}

// completions reads the records of one request, or of all, in the order in which they were sealed. One that was published twice
// is listed once.
func (a *app) completions(cmd *cobra.Command, id dsr.RequestID) ([]dsr.Completion, error) {
	r, err := a.reading()
	if err != nil {
		return nil, err
	}
	defer r.client.Close()
	seen := map[string]bool{}
	var out []dsr.Completion
	for m, err := range r.tail(cmd.Context(), kafka.Position{}, r.prefix+dsr.TopicCompletions) {
		if err != nil {
			return nil, err
		}
		c, err := r.codec.DecodeCompletion(m.Value)
		if err != nil {
			return nil, event.At(m.Topic, m.Partition, m.Offset, err)
		}
		if (id == "" || c.RequestID == id) && !seen[c.RecordID] {
			seen[c.RecordID] = true
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(x, y dsr.Completion) int { return x.SealedAt.Compare(y.SealedAt) })
	return out, nil
}

func newRecordVerify(a *app) *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use: "verify FILE…", Short: "Check records offline, with the file and the public key alone", Args: cobra.MinimumNArgs(1),
		Long: "Checks the signature and every byte. Several files of one request are checked as a chain as well. Ends with 1 and says\n" +
			"what is wrong where something is. Later addenda are not known here: the line of the last one says so.",
		RunE: func(_ *cobra.Command, args []string) error { return a.verify(args, key) },
	}
	cmd.Flags().StringVar(&key, "key", "", "`file` with the public key or keys (record.pub)")
	if err := cmd.MarkFlagRequired("key"); err != nil {
		panic(err) // the flag was defined a line above
	}
	return cmd
}

func (a *app) verify(files []string, key string) error {
	v, err := completion.LoadVerifier(key)
	if err != nil {
		return err
	}
	var errs []error
	var given []givenRecord
	chains := map[dsr.RequestID][]*completion.Verified{}
	for _, file := range files {
		rec, err := verifyFile(file, v)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		given = append(given, givenRecord{file, rec})
		chains[rec.Record.Request.ID] = append(chains[rec.Record.Request.ID], rec)
	}
	broken := map[dsr.RequestID]bool{}
	for _, id := range slices.Sorted(maps.Keys(chains)) {
		chain := chains[id]
		slices.SortFunc(chain, func(x, y *completion.Verified) int { return int(x.Record.Number) - int(y.Record.Number) })
		if len(chain) < 2 {
			continue
		}
		if err := completion.VerifyChain(chain); err != nil {
			broken[id] = true
			errs = append(errs, fmt.Errorf("records of request %s: %w", id, err))
		}
	}
	for _, g := range given {
		id := g.rec.Record.Request.ID
		if err := a.printVerified(g, chains[id], !broken[id]); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// givenRecord is a record that holds, and where it stood.
type givenRecord struct {
	file string
	rec  *completion.Verified
}

func (a *app) printVerified(g givenRecord, chain []*completion.Verified, chained bool) error {
	r := g.rec.Record
	if a.output == "json" {
		return a.printJSON(map[string]any{
			"file": g.file, "verified": true, "request_id": r.Request.ID, "record_id": r.RecordID, "number": r.Number, "result": r.Result, "as_of": r.AsOf,
			"environment": r.Environment, "chain": chained && len(chain) > 1, "latest_given": chain[len(chain)-1].Record.Number,
		})
	}
	_, err := fmt.Fprintf(a.stdout, "%s: verified; %s\n", g.file, reach(r, chain, chained))
	return err
}

// reach says of what a record speaks, and what was not given to be checked.
func reach(r *completion.Record, chain []*completion.Verified, chained bool) string {
	last := chain[len(chain)-1].Record
	words := completion.Position(r)
	if chained && r.Number < last.Number {
		words = completion.AsOf(r) + fmt.Sprintf("; number %d follows it, and the result is that of the highest number", r.Number+1)
	}
	switch {
	case !chained:
		words += "; it does not fit the others of its request that were given"
	case len(chain) > 1:
		words += fmt.Sprintf("; chain of %d records checked", len(chain))
	case r.Number > 0:
		words += fmt.Sprintf("; number %d, which it follows, was not given", r.Number-1)
	}
	if r.Environment == completion.Development {
		words += "; environment dev: made for trying out, proves nothing"
	}
	return words
}

func verifyFile(file string, v *completion.Verifier) (*completion.Verified, error) {
	envelope, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	rec, err := completion.Verify(envelope, v)
	if err != nil {
		return nil, fmt.Errorf("%s: NOT verified: %w", file, err)
	}
	return rec, nil
}

func newRecordReport(a *app) *cobra.Command {
	var key, format string
	cmd := &cobra.Command{
		Use: "report FILE", Short: "Print the report of one request, after checking its record", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			write, ok := map[string]func(io.Writer, completion.Report) error{"text": completion.Text, "html": completion.HTML}[format]
			if !ok {
				return &usageError{cmd.CommandPath(), fmt.Errorf("--format is text or html, not %q", format)}
			}
			v, err := completion.LoadVerifier(key)
			if err != nil {
				return err
			}
			rec, err := verifyFile(args[0], v)
			if err != nil {
				return err
			}
			return write(a.stdout, completion.Report{Verified: rec, At: time.Now(), File: args[0], KeyFile: key})
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "`file` with the public key or keys (record.pub)")
	cmd.Flags().StringVar(&format, "format", "text", "text or html")
	if err := cmd.MarkFlagRequired("key"); err != nil {
		panic(err) // the flag was defined above
	}
	return cmd
}
