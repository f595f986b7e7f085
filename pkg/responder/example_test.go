package responder_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/pkg/sealing"
)

// profiles is a directory that has one folder a person, named after their e-mail address: the folder goes as well.
func profiles(dir string) responder.Listed {
	return responder.Listed{
		Collection: "profiles", Kind: dsr.Email,
		List: func(_ context.Context, email string) (found []string, err error) {
			root, err := os.OpenRoot(dir)
			if err != nil {
				return nil, err // a disk that is away is not a person who is unknown
			}
			defer root.Close()
			err = fs.WalkDir(root.FS(), url.PathEscape(email), func(path string, _ fs.DirEntry, err error) error {
				if errors.Is(err, fs.ErrNotExist) {
					return nil
				}
				found = append(found, filepath.Join(dir, path))
				return err
			})
			return found, err
		},
		Remove: func(_ context.Context, path string) error { return os.RemoveAll(path) },
		Ping:   func(context.Context) error { _, err := os.ReadDir(dir); return err },
	}
}

// A responder of one's own, whole: it erases, looks again, and says how many files and folders it found.
func Example() {
	keys, err := sealing.LoadKeyset(filepath.Join("keys", sealing.TopicsFile)) // of `lethe keys init`
	if err != nil {
		log.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:profiles-ledger.db?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
	if err != nil {
		log.Fatal(err)
	}
	config := responder.Config{System: "profiles", Brokers: []string{"localhost:9092"}, Keys: keys}
	log.Fatal(responder.Run(context.Background(), config, profiles("/srv/profiles"), ledger.Beside(db, ledger.SQLite)))
}
