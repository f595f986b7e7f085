package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/services/internal/config"
)

func newKeys(a *app) *cobra.Command {
	keys := &cobra.Command{
		Use: "keys", Short: "Make, show and rotate keys",
		Long: "Six keys, each with a purpose of its own: intake (upstream systems seal identifiers to it), topics (identifiers\n" +
			"inside), store (identifiers at rest), subjects (pseudonyms), masks (keyed masks of values that stay) and record\n" +
			"(signs completion records).\n" +
			"A rotation has two steps, so that every program knows a new key before anything is sealed with it: `add`,\n" +
			"distribute the file, then `promote`. The record key signs at once; old records still verify by record.pub.",
	}
	keys.AddCommand(
		&cobra.Command{
			Use: "init", Short: "Make a directory of fresh keys (keys.dir); one that is complete is left as it is",
			RunE: func(*cobra.Command, []string) error {
				dir, err := a.keyDir()
				if err != nil {
					return err
				}
				return initKeys(a, dir)
			},
		},
		&cobra.Command{
			Use: "public", Short: "Print the public key that upstream systems seal identifiers to",
			RunE: func(*cobra.Command, []string) error { return a.printFile(sealing.IntakePubFile) },
		},
		&cobra.Command{
			Use: "record-public", Short: "Print the public keys that verify completion records",
			RunE: func(*cobra.Command, []string) error { return a.printFile(completion.PublicKeyFile) },
		},
		&cobra.Command{Use: "list", Short: "List the ids of all keys", RunE: func(*cobra.Command, []string) error { return listKeys(a) }},
		&cobra.Command{
			Use: "add intake|topics|store|subjects|masks|record", Short: "Add a key, which seals nothing yet (record: signs from now on)", Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, args []string) error { return addKey(a, args[0]) },
		},
		&cobra.Command{
			Use: "promote intake|topics|store|subjects|masks KEY-ID", Short: "Seal with this key from now on", Args: cobra.ExactArgs(2),
			RunE: func(_ *cobra.Command, args []string) error { return promoteKey(a, args[0], args[1]) },
		},
	)
	return keys
}

func (a *app) keyDir() (string, error) {
	cfg, _, err := a.load(config.For(config.KeyKeeper))
	return cfg.Keys.Dir, err
}

func initKeys(a *app, dir string) error {
	there, missing := keyFiles(dir)
	switch {
	case len(missing) == 0:
		_, err := fmt.Fprintf(a.stdout, "keys are in %s already; nothing was changed\n", dir)
		return err
	case len(there) > 0:
		return fmt.Errorf("%s holds keys but not %s: bring back what is missing from a copy, since a key made anew opens nothing of what there is; or name an empty directory",
			dir, strings.Join(missing, ", "))
	}
	if _, err := sealing.CreateDir(dir); err != nil {
		return err
	}
	id, err := completion.CreateKey(dir)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "keys made in %s\nrecords are signed by key %s; give %s to whoever checks them and %s to upstream systems\n",
		dir, id, filepath.Join(dir, completion.PublicKeyFile), filepath.Join(dir, sealing.IntakePubFile))
	return err
}

// keyFiles divides the names of the key files into those that are there and those that are not.
func keyFiles(dir string) (there, missing []string) {
	for _, name := range []string{
		sealing.IntakeKeyFile, sealing.IntakePubFile, sealing.TopicsFile, sealing.StoreFile, sealing.SubjectsFile, sealing.MasksFile,
		completion.PrivateKeyFile, completion.PublicKeyFile,
	} {
		if _, err := os.Lstat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, name)
		} else {
			there = append(there, name)
		}
	}
	return there, missing
}

func (a *app) printFile(name string) error {
	dir, err := a.keyDir()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(text)
	return err
}

// keyFile is what rotates, whatever it holds.
type keyFile interface {
	KeyIDs() []string
	Save(path string) error
}

// rotating opens a key file for a rotation.
func rotating(dir, purpose string) (path string, add func() (keyFile, string, error), promote func(id string) (keyFile, error), ids []string, err error) {
	switch purpose {
	case "intake":
		path = filepath.Join(dir, sealing.IntakeKeyFile)
		k, e := sealing.LoadPrivateKeys(path)
		if e != nil {
			return path, nil, nil, nil, e
		}
		return path, func() (keyFile, string, error) { n, id, err := k.AddKey(); return n, id, err }, func(id string) (keyFile, error) { return k.Promote(id) }, k.KeyIDs(), nil
	case "topics", "store":
		path = filepath.Join(dir, map[string]string{"topics": sealing.TopicsFile, "store": sealing.StoreFile}[purpose])
		k, e := sealing.LoadKeyset(path)
		if e != nil {
			return path, nil, nil, nil, e
		}
		return path, func() (keyFile, string, error) { n, id, err := k.AddKey(); return n, id, err }, func(id string) (keyFile, error) { return k.Promote(id) }, k.KeyIDs(), nil
	case "subjects", "masks":
		path = filepath.Join(dir, map[string]string{"subjects": sealing.SubjectsFile, "masks": sealing.MasksFile}[purpose])
		k, e := sealing.LoadPRF(path)
		if e != nil {
			return path, nil, nil, nil, e
		}
		return path, func() (keyFile, string, error) { n, id, err := k.AddKey(); return n, id, err }, func(id string) (keyFile, error) { return k.Promote(id) }, k.KeyIDs(), nil
	}
	return "", nil, nil, nil, fmt.Errorf("no key is named %q: say intake, topics, store, subjects, masks or record", purpose)
}

func addKey(a *app, purpose string) error {
	dir, err := a.keyDir()
	if err != nil {
		return err
	}
	if purpose == "record" {
		id, err := completion.AddKey(dir)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stdout, "%s signs from now on (restart the coordinators); distribute %s\n", id, completion.PublicKeyFile)
		return err
	}
	path, add, _, _, err := rotating(dir, purpose)
	if err != nil {
		return err
	}
	file, id, err := add()
	if err != nil {
		return err
	}
	if err := file.Save(path); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s added to %s; distribute the file, then `lethe keys promote %s %s`\n", id, path, purpose, id)
	return err
}

func promoteKey(a *app, purpose, id string) error {
	dir, err := a.keyDir()
	if err != nil {
		return err
	}
	if purpose == "record" {
		return errors.New("a record key is not promoted: the newest one signs, from when it was added")
	}
	path, _, promote, ids, err := rotating(dir, purpose)
	if err != nil {
		return err
	}
	if !slices.Contains(ids, id) {
		return fmt.Errorf("%s has no key %q: its keys are %s", path, id, strings.Join(ids, ", "))
	}
	file, err := promote(id)
	if err != nil {
		return err
	}
	if err := file.Save(path); err != nil {
		return err
	}
	if keys, ok := file.(*sealing.PrivateKeys); ok {
		if err := keys.Public().Save(filepath.Join(dir, sealing.IntakePubFile)); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(a.stdout, "%s seals from the next start on\n", id)
	return err
}

func listKeys(a *app) error {
	dir, err := a.keyDir()
	if err != nil {
		return err
	}
	var errs []error
	for _, purpose := range []string{"intake", "topics", "store", "subjects", "masks"} {
		path, _, _, ids, err := rotating(dir, purpose)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		a.printKeys(purpose, path, ids)
	}
	path := filepath.Join(dir, completion.PublicKeyFile)
	if v, err := completion.LoadVerifier(path); err != nil {
		errs = append(errs, err)
	} else {
		a.printKeys("record", path, v.KeyIDs())
	}
	return errors.Join(errs...)
}

func (a *app) printKeys(purpose, path string, ids []string) {
	if a.output == "json" {
		_ = a.printJSON(map[string]any{"purpose": purpose, "file": path, "key_ids": ids}) // a closed standard output ends the command soon enough
		return
	}
	fmt.Fprintf(a.stdout, "%-9s %s  %s\n", purpose, strings.Join(ids, " "), path)
}
