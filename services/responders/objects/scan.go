package objects

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	slashed "path"
	"path/filepath"
	"slices"
	"strings"

	"gocloud.dev/blob"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// file is one object of the bucket as it was listed.
type file struct {
	key string
}

// files lists the objects of a collection in the order of their names: those that match its pattern, or that stand under a
// prefix.
func (s *System) files(ctx context.Context, label, prefix string, matches func(key string) bool) ([]file, error) {
	doing := "list the files of " + label
	if err := s.readable(prefix); err != nil {
		return nil, failed(doing, err)
	}
	var out []file
	it := s.cfg.Bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, failed(doing, err)
		}
		if !o.IsDir && matches(o.Key) {
			out = append(out, file{o.Key})
		}
	}
	slices.SortFunc(out, func(a, b file) int { return strings.Compare(a.key, b.key) })
	return out, nil
}

// readable walks the directories behind a prefix, where the bucket is a directory: listing them by the bucket would leave out
// one that cannot be read without a word, and not_found would be a lie.
func (s *System) readable(prefix string) error {
	if s.cfg.Dir == "" {
		return nil
	}
	root := filepath.Join(s.cfg.Dir, filepath.FromSlash(slashed.Dir(prefix+"x")))
	err := filepath.WalkDir(root, func(_ string, _ fs.DirEntry, err error) error { return err })
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.Stat(s.cfg.Dir) // nobody wrote there yet, or a file went while we walked; the root itself must be there
	}
	return err
}

// pattern returns what a JSON Lines collection's names start with, and whether a name is one of them.
func pattern(src *datamap.Source) (prefix string, matches func(string) bool) {
	prefix = src.Path
	if i := strings.IndexAny(prefix, `*?[\`); i >= 0 {
		prefix = prefix[:i]
	}
	return prefix, func(key string) bool {
		ok, err := slashed.Match(src.Path, key)
		return err == nil && ok
	}
}

// part says what lines hands out.
type part int

const (
	wholeLine part = iota
	tooLong        // the beginning of a line that is longer than the limit
	more           // the rest of it, in pieces
)

// lines reads a file line by line, each with its line break. The bytes are valid until use returns.
func lines(r io.Reader, most int, use func(line []byte, p part) error) error {
	br := bufio.NewReaderSize(r, 64<<10)
	var long []byte
	next := wholeLine
	for {
		piece, err := br.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return err
		}
		ended := !errors.Is(err, bufio.ErrBufferFull)
		if next == wholeLine && (len(long) > 0 || !ended) {
			long = append(long, piece...)
			piece = long
			if !ended && len(long) <= most {
				continue
			}
		}
		p := next
		if p == wholeLine && len(piece) > most {
			p = tooLong
		}
		if len(piece) > 0 {
			if err := use(piece, p); err != nil {
				return err
			}
		}
		long = long[:0]
		next = wholeLine
		if !ended {
			next = more
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
}

// byteOrderMark may stand at the beginning of a file.
var byteOrderMark = []byte("\xef\xbb\xbf")

// parse takes a line apart. A blank line is no record and nothing else; anything that is neither is reported.
func parse(line []byte, p part) (r record, blank bool, err error) {
	switch p {
	case tooLong:
		return nil, false, errNoRecord
	case more:
		return nil, true, nil
	}
	line = bytes.TrimPrefix(line, byteOrderMark)
	if len(bytes.TrimSpace(line)) == 0 {
		return nil, true, nil
	}
	ms, err := members(line)
	return ms, false, err
}

// unread counts what could not be read as a record: lines, and the files that they stand in.
type unread struct{ lines, files int64 }

func (u unread) plus(o unread) unread { return unread{u.lines + o.lines, u.files + o.files} }

// read goes through all records of a collection.
func (s *System) read(ctx context.Context, label string, src *datamap.Source, use func(line []byte, r record) error) (unread, error) {
	prefix, matches := pattern(src)
	fs, err := s.files(ctx, label, prefix, matches)
	if err != nil {
		return unread{}, err
	}
	var total unread
	for _, f := range fs {
		u, err := s.readFile(ctx, label, f, use)
		if err != nil {
			return total, err
		}
		total = total.plus(u)
	}
	return total, nil
}

// readFile goes through the records of one file. A file that is gone when it is opened was somebody else's to delete.
func (s *System) readFile(ctx context.Context, label string, f file, use func(line []byte, r record) error) (unread, error) {
	doing := "read a file of " + label
	r, err := s.cfg.Bucket.NewReader(ctx, f.key, nil)
	if gone(err) {
		return unread{}, nil
	}
	if err != nil {
		return unread{}, failed(doing, err)
	}
	defer r.Close() //nolint:errcheck // it only reads
	var u unread
	var used error
	var size int64
	torn := false // the last line has no end and is no record
	err = lines(r, s.cfg.MaxLine, func(line []byte, p part) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		size += int64(len(line))
		rec, blank, err := parse(line, p)
		switch {
		case err != nil:
			u.lines++
			torn = line[len(line)-1] != '\n'
		case !blank:
			used = use(line, rec)
			return used
		}
		return nil
	})
	switch {
	case used != nil:
		return u, used
	case err != nil:
		return u, failed(doing, err)
	case torn && s.grew(ctx, f, size):
		return u, failed(doing, ownErrorf("its last line is being written"))
	case u.lines > 0:
		u.files = 1
	}
	return u, nil
}

func (s *System) grew(ctx context.Context, f file, size int64) bool {
	a, err := s.cfg.Bucket.Attributes(ctx, f.key)
	return err == nil && a.Size != size
}
