package portability

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// maxManifest bounds what is read as a manifest: some hundred thousand files.
const maxManifest = 256 << 20

// maxPage bounds what is read as the page; its previews are bounded when it is written.
const maxPage = 64 << 20

// Verify checks every file of a package against its manifest and returns the manifest; an error names every file that is wrong.
// It proves that the package is whole, not who made it: the completion record holds the SHA-256 of the whole file.
func Verify(r io.ReaderAt, size int64) (Manifest, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return Manifest{}, fmt.Errorf("open package: %w", err)
	}
	files, err := byName(z)
	if err != nil {
		return Manifest{}, err
	}
	m, err := readManifest(files[ManifestName])
	if err != nil {
		return m, err
	}
	var errs []error
	page, err := sumOf(files[IndexName], maxPage)
	switch {
	case err != nil:
		errs = append(errs, fmt.Errorf("read %s: %w", IndexName, err))
	case page != m.PageSHA256:
		errs = append(errs, fmt.Errorf("file %q is not the one that the manifest lists", IndexName))
	}
	listed := map[string]bool{ManifestName: true, IndexName: true}
	for _, f := range m.Files {
		if listed[f.Name] {
			errs = append(errs, fmt.Errorf("the manifest lists file %q twice", f.Name))
			continue
		}
		listed[f.Name] = true
		errs = append(errs, verifyFile(files[f.Name], f))
	}
	for _, f := range z.File {
		if !listed[f.Name] {
			errs = append(errs, fmt.Errorf("file %q is not in the manifest", f.Name))
		}
	}
	return m, errors.Join(errs...)
}

// byName refuses names that occur twice, of which readers would take different ones, and names that lead out of the folder into
// which a package is unpacked.
func byName(z *zip.Reader) (map[string]*zip.File, error) {
	files := make(map[string]*zip.File, len(z.File))
	for _, f := range z.File {
		if files[f.Name] != nil {
			return nil, fmt.Errorf("open package: file %q stands in it twice", f.Name)
		}
		if !filepath.IsLocal(filepath.FromSlash(f.Name)) || strings.ContainsAny(f.Name, "\\:") {
			return nil, fmt.Errorf("open package: file %q would be unpacked somewhere else", f.Name)
		}
		files[f.Name] = f
	}
	return files, nil
}

func readManifest(f *zip.File) (Manifest, error) {
	var m Manifest
	if f == nil {
		return m, fmt.Errorf("read manifest: %s is missing", ManifestName)
	}
	if f.UncompressedSize64 > maxManifest {
		return m, fmt.Errorf("read manifest: it has %d bytes, at most %d are read", f.UncompressedSize64, maxManifest)
	}
	r, err := f.Open()
	if err != nil {
		return m, fmt.Errorf("open manifest: %w", err)
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxManifest))
	if err != nil {
		return m, fmt.Errorf("read manifest: %w", err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("read manifest: %w", err)
	}
	if m.Schema != SchemaV1 {
		return m, fmt.Errorf("manifest is of schema %.100q, this build reads %q", m.Schema, SchemaV1)
	}
	return m, nil
}

func verifyFile(f *zip.File, want File) error {
	if f == nil {
		return fmt.Errorf("file %q is missing", want.Name)
	}
	if want.SizeBytes < 0 || f.UncompressedSize64 != uint64(want.SizeBytes) {
		return fmt.Errorf("file %q is not the one that the manifest lists", want.Name)
	}
	sum, err := sumOf(f, want.SizeBytes)
	switch {
	case err != nil:
		return fmt.Errorf("read %q: %w", want.Name, err)
	case sum != want.SHA256:
		return fmt.Errorf("file %q is not the one that the manifest lists", want.Name)
	}
	return nil
}

// sumOf returns the SHA-256 of a file of at most so many bytes.
func sumOf(f *zip.File, most int64) (string, error) {
	if f == nil {
		return "", errors.New("it is missing")
	}
	r, err := f.Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(r, most))
	if err != nil {
		return "", err
	}
	if n == most {
		if k, _ := r.Read(make([]byte, 1)); k > 0 {
			return "", errors.New("it is longer than it may be")
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
