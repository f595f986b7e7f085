package objects

import (
	"bytes"
	"context"
	"io"

	"gocloud.dev/blob"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// decide says what becomes of a record: the same line, another one, or nil. It counts into the tallies that it is given, for a
// file may have to be gone through more than once.
type decide func(line []byte, r record, t tallies) ([]byte, error)

// change goes through all files of a collection and replaces those in which decide changes anything.
func (s *System) change(ctx context.Context, label string, src *datamap.Source, out tallies, do decide) (unread, error) {
	prefix, matches := pattern(src)
	files, err := s.files(ctx, label, prefix, matches)
	if err != nil {
		return unread{}, err
	}
	var total unread
	for _, f := range files {
		u, err := s.changeFile(ctx, label, f, out, do)
		if err != nil {
			return total, err
		}
		total = total.plus(u)
	}
	return total, nil
}

func (s *System) changeFile(ctx context.Context, label string, f file, out tallies, do decide) (unread, error) {
	t, changes := tallies{}, false
	u, err := s.readFile(ctx, label, f, func(line []byte, r record) error {
		became, err := do(line, r, t)
		changes = changes || !bytes.Equal(became, line)
		return err
	})
	if err != nil {
		return u, err
	}
	if changes {
		t = tallies{}
		if u, err = s.replace(ctx, label, f, t, do); err != nil {
			return u, err
		}
	}
	out.add(t)
	return u, nil
}

// mostTries is how often a file that changes under our hands is begun anew before it is left for later.
const mostTries = 5

// replace writes a file anew, until nobody wrote to it meanwhile.
func (s *System) replace(ctx context.Context, label string, f file, out tallies, do decide) (unread, error) {
	doing := "replace a file of " + label
	for range mostTries {
		t := tallies{}
		u, done, err := s.replaceOnce(ctx, f, t, do)
		switch {
		case gone(err):
			return unread{}, nil // somebody else deleted it
		case err != nil:
			return u, failed(doing, err)
		case done:
			out.add(t)
			if u.lines > 0 {
				u.files = 1
			}
			return u, nil
		}
	}
	return unread{}, responder.Transient(ownErrorf("%s: others write to it", doing))
}

// replaceOnce writes the object anew, as decide says, and puts the new one in the old one's place. It does not (done is false)
// where the old one changed since it was opened.
func (s *System) replaceOnce(ctx context.Context, f file, t tallies, do decide) (u unread, done bool, err error) {
	if name, ok := s.onDisk(f); ok {
		return s.replaceOnDisk(ctx, name, t, do)
	}
	b := s.cfg.Bucket
	before, err := b.Attributes(ctx, f.key)
	if err != nil {
		return u, false, err
	}
	r, err := b.NewReader(ctx, f.key, nil)
	if err != nil {
		return u, false, err
	}
	defer r.Close() //nolint:errcheck // it only reads
	// Closing a writer publishes what it has, also after an error: only a context that has ended makes Close drop it.
	wctx, drop := context.WithCancel(ctx)
	defer drop()
	w, err := b.NewWriter(wctx, f.key, writerOptions(before))
	if err != nil {
		return u, false, err
	}
	_, u, err = s.copyLines(ctx, w, r, t, do)
	same := false
	if err == nil {
		var now *blob.Attributes
		now, err = b.Attributes(ctx, f.key)
		same = err == nil && now.ETag == before.ETag && now.Size == before.Size && now.ModTime.Equal(before.ModTime)
	}
	if !same {
		drop()
		_ = w.Close() // an error is what is wanted of it
		return u, false, err
	}
	return u, true, w.Close()
}

// copyLines writes what becomes of each line and returns how many bytes it read.
func (s *System) copyLines(ctx context.Context, w io.Writer, r io.Reader, t tallies, do decide) (int64, unread, error) {
	var u unread
	var size int64
	err := lines(r, s.cfg.MaxLine, func(line []byte, p part) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		size += int64(len(line))
		rec, blank, err := parse(line, p)
		switch {
		case err != nil:
			u.lines++
		case !blank:
			if line, err = do(line, rec, t); err != nil {
				return err
			}
		}
		_, err = w.Write(line)
		return err
	})
	return size, u, err
}

// writerOptions keeps what a bucket knows about an object.
func writerOptions(a *blob.Attributes) *blob.WriterOptions {
	contentType := a.ContentType
	if contentType == "" {
		contentType = responder.JSONLines
	}
	return &blob.WriterOptions{
		ContentType: contentType, CacheControl: a.CacheControl, ContentDisposition: a.ContentDisposition, ContentEncoding: a.ContentEncoding,
		ContentLanguage: a.ContentLanguage, Metadata: a.Metadata,
	}
}
